"""A stand-in for a trained network: the joint significance among the features is its score."""

from types import SimpleNamespace

import numpy as np

from fermiml import SourceCatalog
from fermiml.detect import candidates
from fermiml.detect.finder import HeatmapFinder
from fermiml.features.patch_features import N_FEATURES


class MatchedFilter:
    """Has the maps of a network."""

    name = "matched-filter"
    card = {"sha256": "0" * 64}  # noqa: RUF012
    architecture = SimpleNamespace(LOCALIZER="peaks", RADIUS=1.0)

    def maps(self, features):
        return {"probability": 1 / (1 + np.exp(6 - features[..., N_FEATURES - 3]))}


def finder(lowest=0.3):
    return HeatmapFinder(MatchedFilter(), lowest=lowest)


class Detector(SimpleNamespace):
    """Has what is used of a SourceDetector."""

    threshold, purity, photometry = 0.3, None, False

    @property
    def finder(self):
        return finder(self.threshold)

    def run(self, cube):
        found = candidates.find(cube, self.finder)
        icrs = found.position.icrs
        return SourceCatalog.from_table(
            {"RAJ2000": icrs.ra.deg, "DEJ2000": icrs.dec.deg, "ML_Prob": found.score}
        )
