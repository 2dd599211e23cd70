"""The probability that an extended row is a source, not structure of the gas."""

from dataclasses import dataclass

import numpy as np

from fermiml.measured_numbers import MeasuredNumbers

_INDEX = 2.4  # photon index from which the hardness counts: about that of gas
COLUMNS = "ML_TS", "Npred", "ML_TS_Ext", "PL_Index"
_LEAST = 1e-3  # contrast


@dataclass(frozen=True)
class ObjectCalibration(MeasuredNumbers):
    """Probability that an extended row is a source.

    A network that was made for points gives no extended source a high score. What tells them from
    gas that is more structured than the free background is their contrast and their spectrum.
    `benchmarks/detection/extended_sources.py` fits the numbers on selection skies.
    """

    FILE, WHAT = "extended.yaml", "a calibration of extended sources"

    intercept: float  # of the logit
    contrast: float  # slopes: of ln of the counts over those of the background beneath
    extent: float  # of ln of the TS of the extent
    hardness: float  # of how much harder than gas the spectrum is

    def probability(self, table):
        """Compute ML_Prob of extended rows."""
        return self.logistic(features(*(np.asarray(table[name], float) for name in COLUMNS)))

    def logistic(self, columns):
        """Compute probabilities from `features`."""
        slopes = np.array([self.contrast, self.extent, self.hardness])
        return 1 / (1 + np.exp(-self.intercept - columns @ slopes))


def features(ts, counts, extent, index):
    """(..., feature): what tells a source from gas, from the `COLUMNS` of its row.

    TS is about counts^2 over the background beneath, so TS over counts is the contrast.
    """
    contrast = np.log(np.maximum(ts / np.maximum(counts, 1.0), _LEAST))
    return np.stack([contrast, np.log(np.maximum(extent, 1.0)), _INDEX - index], axis=-1)
