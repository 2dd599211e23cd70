"""A stand-in for a trained network: the evidence's own joint significance is its score."""

from types import SimpleNamespace

import numpy as np

from fermiml import SourceCatalog
from fermiml.detect import candidates
from fermiml.features.patch_features import PLANES
from fermiml.localize import get_localizer


class MatchedFilter:
    """Has the maps of a network."""

    name = "matched-filter"
    card = {"sha256": "0" * 64}  # noqa: RUF012
    kind = SimpleNamespace(RADIUS=1.0)

    def maps(self, planes):
        return {"probability": 1 / (1 + np.exp(6 - planes[..., PLANES - 3]))}


class Detector(SimpleNamespace):
    """Has what is used of a SourceDetector."""

    network, localizer, threshold, photometry = MatchedFilter(), "peaks", 0.3, False

    def run(self, cube):
        locate = get_localizer("peaks")
        found = candidates.find(cube, self.network, locate, self.threshold)
        icrs = found.position.icrs
        return SourceCatalog.from_table(
            {"RAJ2000": icrs.ra.deg, "DEJ2000": icrs.dec.deg, "ML_Prob": found.score}
        )
