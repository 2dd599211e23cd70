"""The probability that an extended row is a source, not structure of the gas."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.extended.gas_contrast import gas_contrast
from fermiml.measured_numbers import MeasuredNumbers
from fermiml.sky.sphere import vectors_of

_INDEX = 2.4  # photon index from which the hardness counts: about that of gas
COLUMNS = "ML_TS", "Npred", "ML_TS_Ext", "PL_Index"
_LEAST = 0.02  # contrast


@dataclass(frozen=True)
class ObjectCalibration(MeasuredNumbers):
    """Probability that an extended row is a source.

    A network that was made for points gives no extended source a high score. What tells them from
    gas that is more structured than the free background is how far their contrast exceeds that of
    the gas there, and their spectrum.
    `benchmarks/detection/extended_sources.py` fits the numbers on selection skies.
    """

    FILE, WHAT = "extended.yaml", "a calibration of extended sources"

    intercept: float  # of the logit
    contrast: float  # slopes: of ln of the counts over those of the background beneath, less gas
    extent: float  # of ln of the TS of the extent
    hardness: float  # of how much harder than gas the spectrum is

    def probability(self, table, cube):
        """Compute ML_Prob of extended rows of a SkyCube."""
        return self.logistic(features_of(table, cube))

    def logistic(self, columns):
        """Compute probabilities from `features`."""
        slopes = np.array([self.contrast, self.extent, self.hardness])
        return 1 / (1 + np.exp(-self.intercept - columns @ slopes))


def features(ts, counts, extent, index, gas):
    """(..., feature): what tells a source from gas, from the `COLUMNS` of its row and the contrast
    of the `gas` there, unless the background is known.

    TS is about counts^2 over the background beneath, so TS over counts is the contrast.
    """
    contrast = np.log(np.maximum(ts / np.maximum(counts, 1.0) - gas, _LEAST))
    return np.stack([contrast, np.log(np.maximum(extent, 1.0)), _INDEX - index], axis=-1)


def features_of(table, cube):
    """Compute the `features` of extended rows of a SkyCube."""
    place = SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5").icrs
    known = all(component.background is not None for component in cube.components)
    gas = 0.0 if known else gas_contrast(vectors_of(place), table["ML_Ext_Size"])
    return features(*(np.asarray(table[name], float) for name in COLUMNS), gas)
