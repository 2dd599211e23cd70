"""The exposure of windows of time, and how wrong it may be."""

import numpy as np

from fermiml.model.observation import response_of
from fermiml.sky.pointings import pointed_exposure
from fermiml.sky.times import DAY, PRECESSION, elapsed

_ENERGY = 1000.0  # MeV, at which exposures are compared
# Largest error of good time as a measure of exposure, by the length of windows (d):
# benchmarks/time/exposure_by_good_time.py
_DAYS = 0.5, 1.0, 7.0, 14.0, 30.0, 60.0, 365.0
_ERRORS = 0.7, 0.5, 0.4, 0.32, 0.2, 0.07, 0.05
_POINTED = 0.1, 0.05  # the same of the exposure of a field's centre, below and above 60 d


def exposure_until(component, gti, scfile=None):
    """Return a function of rising times: how much of the exposure a field has had until then.

    Parameters
    ----------
    component : fermiml.sky.cube.Component
    gti : array, (n, 2)
        Good time intervals, mission elapsed time in s.
    scfile : path, optional
        Spacecraft file (FT2), which tells what the centre of the field has had; without it, the
        exposure goes with good time.
    """
    if scfile is None:
        return lambda time: elapsed(time, gti)
    between = pointed_exposure(scfile, gti, component.selection.zenith)

    def pointed(time):
        seen = between(time).exposure(component.center[None], [_ENERGY], response_of(component))
        return np.cumsum(seen[:-1, 0, 0])

    return pointed


def systematic_errors(seconds, pointed):
    """Return the fraction by which the exposure of windows of some lengths (s) may be wrong."""
    if pointed:
        return np.where(seconds < PRECESSION, *_POINTED)
    return np.interp(np.log(seconds / DAY), np.log(_DAYS), _ERRORS)
