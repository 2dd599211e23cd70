"""What holds of every detection; where it does not, fermiml is at fault and says so."""

import numpy as np

from fermiml.errors import FermimlError

_PROBABILITIES = ("ML_Prob", "ML_Prob_AGN", "ML_Prob_PSR", "ML_Prob_FAKE")
_FLUXES = ("Flux1000", "Energy_Flux100", "ML_Flux_Band", "Flux_Band", "PL_Flux_Density")
_ROUNDING = 1e-4  # of single precision, and of sums of it


def assert_sound(table, cube):
    """Raise a FermimlError if a table of sources contradicts itself or its data.

    Positions are on the sky, probabilities between 0 and 1, fluxes positive numbers or NaN, and
    no count of the cube is lost between its bands.
    """
    wrong = [*_positions(table), *_probabilities(table), *_fluxes(table), *_counts(cube)]
    if wrong:
        raise FermimlError(f"an error of fermiml itself, please report it: {'; '.join(wrong)}")


def _positions(table):
    ra, dec = (np.asarray(table[name], float) for name in ("RAJ2000", "DEJ2000"))
    if not np.all(np.isfinite(ra) & (np.abs(dec) <= 90)):
        yield "a position is not on the sky"


def _probabilities(table):
    for name in set(_PROBABILITIES) & set(table.colnames):
        values = np.asarray(table[name], float)
        if np.any((values < -_ROUNDING) | (values > 1 + _ROUNDING)):
            yield f"{name} is not between 0 and 1"
    if np.any(np.isnan(np.asarray(table["ML_Prob"], float))):
        yield "ML_Prob is not known"


def _fluxes(table):
    for name in set(_FLUXES) & set(table.colnames):
        values = np.asarray(table[name], float)
        if np.any(np.isinf(values) | (values < 0)):
            yield f"{name} is negative or infinite"


def _counts(cube):
    for component, banded in zip(cube.components, cube.bands(), strict=True):
        total = float(component.counts.data.sum(dtype=float))
        found = sum(float(band.sum(dtype=float)) for band in banded.counts) + banded.remainder
        if abs(found - total) > _ROUNDING * max(total, 1):
            yield f"{component.name} has {total:.9g} counts, its bands {found:.9g}"
