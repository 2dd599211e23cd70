"""`ml_seed` for fermipy: seeds of a network, fitted by the likelihood of the Fermitools."""

from importlib import import_module

# Loaded on first use: GTAnalysis needs the Fermitools, nothing else here does.
_WHERE = {"GTAnalysis": "fermiml.fermipy.analysis", "MLSeed": "fermiml.fermipy.mlseed"}
__all__ = ["GTAnalysis", "MLSeed"]


def __getattr__(name):
    if name not in _WHERE:
        raise AttributeError(f"module 'fermiml.fermipy' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__():
    return __all__
