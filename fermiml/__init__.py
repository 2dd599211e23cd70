"""fermiml: neural point-source detection for Fermi-LAT data."""

from importlib import import_module

from fermiml import moved

__all__ = [
    "Comparison",
    "Evaluation",
    "FermimlError",
    "Injection",
    "InputError",
    "LightCurve",
    "LikelihoodFit",
    "SkyCube",
    "SkySimulator",
    "SourceCatalog",
    "SourceDetector",
    "TraditionalDetector",
    "Trainer",
    "TransientSearch",
    "__version__",
]

# Loaded on first use: `fermiml --help` must not wait for gammapy.
_WHERE = {
    "Comparison": "fermiml.compare.comparison",
    "Evaluation": "fermiml.evaluate.evaluation",
    "FermimlError": "fermiml.errors",
    "Injection": "fermiml.inject.injection",
    "InputError": "fermiml.errors",
    "LightCurve": "fermiml.time.light_curve",
    "LikelihoodFit": "fermiml.likelihood.likelihood_fit",
    "SkyCube": "fermiml.sky.cube",
    "SkySimulator": "fermiml.simulate.simulator",
    "SourceCatalog": "fermiml.catalog.catalog",
    "SourceDetector": "fermiml.detect.detector",
    "TraditionalDetector": "fermiml.traditional.search",
    "Trainer": "fermiml.train.trainer",
    "TransientSearch": "fermiml.time.transients",
}

moved.install()


def __getattr__(name):
    if name == "__version__":
        from importlib import metadata

        return metadata.version("fermiml")
    if name not in _WHERE:
        raise AttributeError(f"module 'fermiml' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__():
    return __all__
