"""Names of fermiml 0.1 that are elsewhere now: they work for one release, with a warning."""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

MODULES = {
    "fermiml.detect.features": "fermiml.features.patch_features",
    "fermiml.detect.photometry": "fermiml.photometry.measure",
    "fermiml.evaluate.evaluate": "fermiml.evaluate.evaluation",
    "fermiml.evaluate.inject": "fermiml.inject.injection",
    "fermiml.evaluate.operating": "fermiml.train.calibrate",
    "fermiml.fermipy.fit": "fermiml.fermipy.catalog_fit",
    "fermiml.fermipy.simulated": "fermiml.fermipy.example",
    "fermiml.likelihood.compare": "fermiml.compare.comparison",
    "fermiml.likelihood.traditional": "fermiml.traditional.search",
    "fermiml.networks.recipe": "fermiml.train.recipe",
    "fermiml.networks.training": "fermiml.train.trainer",
    "fermiml.plot.compare": "fermiml.plot.comparison_figures",
    "fermiml.plot.explain": "fermiml.plot.explanation",
    "fermiml.report.catalog": "fermiml.report.catalog_page",
    "fermiml.report.comparison": "fermiml.report.comparison_folder",
    "fermiml.simulate.config": "fermiml.simulate.sky_settings",
    "fermiml.simulate.dataset": "fermiml.train.training_patches",
    "fermiml.sky.caldb": "fermiml.response.build_tables",
    "fermiml.sky.exposure": "fermiml.response.exposure",
    "fermiml.sky.irfs": "fermiml.response.irfs",
    "fermiml.sky.psf": "fermiml.response.psf",
}
# Attributes that have another name in the new module.
ATTRIBUTES = {
    ("fermiml.features.patch_features", "Evidence"): "PatchFeatures",
    ("fermiml.features.patch_features", "PLANES"): "N_FEATURES",
    ("fermiml.inject.injection", "Injected"): "InjectionResult",
    ("fermiml.train.training_patches", "Patch"): "TrainingPatch",
}


def warn(old, new):
    """Warn the caller of a function where it is now: for use within the old function."""
    warnings.warn(f"{old} is {new} now", DeprecationWarning, stacklevel=3)


def renamed(module, **names):
    """Build the ``__getattr__`` of a module with renamed attributes (old=new)."""

    def find(name):
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(f"{module}.{name} is {names[name]} now", DeprecationWarning, stacklevel=2)
        return getattr(sys.modules[module], names[name])

    return find


class MovedModules(MetaPathFinder, Loader):
    """Finds a module by its old name: an empty one, whose attributes are those of the new."""

    def find_spec(self, name, path=None, target=None):
        """Find the module of a name, if that is an old name."""
        return ModuleSpec(name, self) if name in MODULES else None

    def exec_module(self, module):
        """Fill the module with a view of the new one."""
        old, new = module.__name__, MODULES[module.__name__]
        warnings.warn(f"{old} is {new} now", DeprecationWarning, stacklevel=2)
        module.__doc__ = f"Moved to {new}."
        module.__getattr__ = lambda name: getattr(
            import_module(new), ATTRIBUTES.get((new, name), name)
        )

    def get_code(self, name):
        """Return code that runs the new module: for ``python -m``."""
        run = "runpy.run_module(sys.argv[0], run_name='__main__')"
        text = f"import runpy, sys; sys.argv[0] = {MODULES[name]!r}; {run}"
        return compile(text, name, "exec")


def install():
    """Make the old names importable."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, MovedModules())
