"""Invariants of every detection; a violation is reported as an internal error of fermiml."""

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.errors import FermimlError

_CLASSES = ("ML_Prob_AGN", "ML_Prob_PSR", "ML_Prob_SNR", "ML_Prob_OTH", "ML_Prob_FAKE")
_PROBABILITIES = ("ML_Prob", *_CLASSES)
_FLUXES = ("Flux1000", "Energy_Flux100", "ML_Flux_Band", "ML_Flux_Low", "Flux_Band",
           "PL_Flux_Density")  # fmt: skip
_ELLIPSES = ("Conf_68", "Conf_95")
_ROUNDING = 1e-4  # of single precision, and of sums of it


def assert_sound(table, cube):
    """Raise a FermimlError if a table of sources contradicts itself or its data.

    Positions are on the sky, with error ellipses that are some or unknown; probabilities are
    between 0 and 1 and those of all classes sum to 1; fluxes are positive numbers or NaN; and no
    count of the cube is lost between its bands.
    """
    _complain(
        _positions(table), _ellipses(table), _probabilities(table), _fluxes(table), _counts(cube)
    )


def assert_near(table, maxima, farthest):
    """Raise a FermimlError if a source is not where it was detected.

    Photometry leaves a position within `farthest` (deg) of the finder's maximum, whatever its own
    error; and an error ellipse holds the last step towards the maximum of the likelihood.
    """
    _complain(_moved(table, maxima, farthest))


def _complain(*checks):
    wrong = [text for check in checks for text in check]
    if wrong:
        raise FermimlError(f"internal error of fermiml, please report it: {'; '.join(wrong)}")


def _moved(table, maxima, farthest):
    place = SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5")
    walked = place.separation(maxima).deg
    if not np.all(walked <= farthest + _ROUNDING):
        row = int(np.argmax(walked))
        yield f"a source is {walked[row]:.3g} deg from the maximum that is its own"


def _ellipses(table):
    for name in _ELLIPSES:
        columns = [f"{name}_SemiMajor", f"{name}_SemiMinor"]
        if not set(columns) <= set(table.colnames):
            continue
        major, minor = (np.asarray(table[column], float) for column in columns)
        known = np.isfinite(major) & np.isfinite(minor)
        unknown = np.isnan(major) & np.isnan(minor)
        if not np.all(known | unknown):
            yield f"{name} is infinite, or has one axis"
        if np.any(known & ~((minor > 0) & (minor <= major * (1 + _ROUNDING)))):
            yield f"{name} is no ellipse"


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
    classes = [name for name in table.colnames if name in _CLASSES]
    if {"ML_Prob_AGN", "ML_Prob_FAKE"} <= set(classes):
        total = np.sum([np.asarray(table[name], float) for name in classes], axis=0)
        if np.any(np.abs(total - 1) > 10 * _ROUNDING):
            yield f"{', '.join(classes)} do not sum to 1"


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
