"""The probability that an extended row is a source, not structure of the gas."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.measured_numbers import MeasuredNumbers
from fermiml.sky.sphere import vectors_of

_INDEX = 2.4  # photon index from which the hardness counts: about that of gas
COLUMNS = "Npred", "ML_TS_Ext", "PL_Index"
_CONTRAST = 0.03, 5.0  # range in which it counts
_LEAST_COUNTS = 1e-3


@dataclass(frozen=True)
class ObjectCalibration(MeasuredNumbers):
    """Probability that an extended row is a source.

    A network that was made for points gives no extended source a high score. What tells them from
    gas that is more structured than the free background is how far they stand out of the Galaxy's
    own emission, beyond what stands out of that itself, and their spectrum.
    `benchmarks/detection/extended_sources.py` fits the numbers on selection skies.
    """

    FILE, WHAT = "extended.yaml", "a calibration of extended sources"

    intercept: float  # of the logit
    contrast: float  # slopes: of ln of the counts over those of the Galaxy
    extent: float  # of ln of the TS of the extent
    hardness: float  # of how much harder than gas the spectrum is

    def probability(self, table, galaxy):
        """Compute ML_Prob of extended rows over a `GalaxyBeneath`."""
        return self.logistic(features_of(table, galaxy))

    def logistic(self, columns):
        """Compute probabilities from `features`."""
        slopes = np.array([self.contrast, self.extent, self.hardness])
        return 1 / (1 + np.exp(-self.intercept - columns @ slopes))


def features(counts, extent, index, galaxy):
    """(..., feature): what tells a source from gas, from the `COLUMNS` of its row and what
    `GalaxyBeneath.expected` says of its outline."""
    within, standing_out = np.maximum(galaxy, _LEAST_COUNTS)
    contrast = np.log(np.clip((counts - standing_out) / within, *_CONTRAST))
    return np.stack([contrast, np.log(np.maximum(extent, 1.0)), _INDEX - index], axis=-1)


def features_of(table, galaxy):
    """Compute the `features` of extended rows over a `GalaxyBeneath`."""
    place = SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5").icrs
    beneath = galaxy.expected(vectors_of(place), table["ML_Ext_Size"])
    return features(*(np.asarray(table[name], float) for name in COLUMNS), beneath)
