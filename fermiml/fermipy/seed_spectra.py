"""Spectra of the Fermitools that a seed can have: their parameters, the norm first."""

from fermiml.errors import InputError

PARAMETERS = {
    "PowerLaw": ("Prefactor", "Index", "Scale"),
    "PowerLaw2": ("Integral", "Index", "LowerLimit", "UpperLimit"),
    "LogParabola": ("norm", "alpha", "beta", "Eb"),
    "BrokenPowerLaw": ("Prefactor", "Index1", "Index2", "BreakValue"),
    "SmoothBrokenPowerLaw": ("Prefactor", "Index1", "Scale", "Index2", "BreakValue", "Beta"),
    "PLSuperExpCutoff": ("Prefactor", "Index1", "Scale", "Cutoff", "Index2"),
    "PLSuperExpCutoff2": ("Prefactor", "Index1", "Scale", "Expfactor", "Index2"),
    "PLSuperExpCutoff3": ("Prefactor", "IndexS", "Scale", "Expfactor2", "Index2"),
    "PLSuperExpCutoff4": ("Prefactor", "IndexS", "Scale", "ExpfactorS", "Index2"),
}
# Shapes on the sky, and what each needs besides a position.
_SPATIAL = {
    "PointSource": (),
    "RadialDisk": ("SpatialWidth",),
    "RadialGaussian": ("SpatialWidth",),
}
_NAMES = ("SpectrumType", "SpatialModel")


def check(model, free_params):
    """Refuse a spectrum or parameters that do not exist: fermipy would skip them in silence."""
    model = model or {}
    kind = _known("SpectrumType", model.get("SpectrumType", "PowerLaw"), PARAMETERS)
    shape = _known("SpatialModel", model.get("SpatialModel", "PointSource"), _SPATIAL)
    allowed = (*PARAMETERS[kind], *_SPATIAL[shape])
    for key, value in model.items():
        if key in _NAMES:
            continue
        if key not in allowed:
            raise InputError(f"ml_seed.model: {kind} has no {key}; it has {', '.join(allowed)}")
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise InputError(f"ml_seed.model: {key} {value!r} is not a number")
    names = [free_params] if isinstance(free_params, str) else free_params or []
    for name in names:
        if name not in PARAMETERS[kind]:
            raise InputError(
                f"ml_seed.free_params: {kind} has no {name}; it has {', '.join(PARAMETERS[kind])}"
            )


def index_is_free(kind, free_params):
    """Return whether a seed is a power law whose index is fitted."""
    names = [free_params] if isinstance(free_params, str) else free_params
    return kind == "PowerLaw" and (not names or "Index" in names)


def _known(key, value, known):
    if value not in known:
        raise InputError(f"ml_seed.model: {key} {value!r} is not known: {', '.join(known)} are")
    return value
