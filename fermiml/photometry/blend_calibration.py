"""The probability that a row of the photometry is two sources."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.measured_numbers import MeasuredNumbers

SPLIT = ("ML_Split_RA", "ML_Split_DEC")  # deg, columns (row, 2) of two sources in place of one
_CERTAIN = 60.0  # TS above which it says no more
HELD = 0.68  # fraction of the PSF within the unit of separations, at 2 GeV


@dataclass(frozen=True)
class BlendCalibration(MeasuredNumbers):
    """Probability that a row is two sources.

    `benchmarks/detection/blends.py` fits the numbers on selection skies.
    """

    FILE, WHAT = "blends.yaml", "a calibration of blends"

    intercept: float  # of the logit
    split: float  # slopes: of the TS of two over one, or over a disk, up to a limit
    brightness: float  # of ln of the row's own TS
    separation: float  # of that of the two, in units of the PSF's 68 % radius at 2 GeV
    threshold: float  # probability from which a row is split

    def probability(self, table, radius):
        """Compute ML_Prob_Blend of rows; NaN where they were not tested for being two."""
        return self.logistic(features(table, radius))

    def logistic(self, columns):
        """Compute probabilities from `features`."""
        slopes = np.array([self.split, self.brightness, self.separation])
        return 1 / (1 + np.exp(-self.intercept - columns @ slopes))


def features(table, radius):
    """(row, feature): what tells two sources from one; `radius` (deg) is that of the PSF.

    What a disk describes as well does not speak for two sources.
    """
    ts, own, disk = (np.asarray(table[name], float)
                     for name in ("ML_TS_Split", "ML_TS", "ML_TS_Ext"))  # fmt: skip
    first, second = pairs_of(table)
    gain = np.clip(ts - np.nan_to_num(disk), 0, _CERTAIN)
    apart = first.separation(second).deg / radius
    return np.column_stack([gain, np.log(np.maximum(own, 1)), apart])


def pairs_of(table):
    """Positions of the two sources that each row may be."""
    ra, dec = (np.asarray(table[name], float).T for name in SPLIT)
    return tuple(SkyCoord(*place, unit="deg", frame="fk5") for place in zip(ra, dec, strict=True))
