"""Numbers as Panes et al. (2021) count them."""

from types import SimpleNamespace

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.evaluate import panes2021


def test_the_published_way_takes_the_brightest_source():
    """A detection between a bright and a faint source has found the bright one; a false one
    counts at the flux of the nearest."""

    def sky(lon, lat):
        return SkyCoord(lon, lat, unit="deg", frame="galactic")

    true = sky([10.0, 10.1, 20.0], [40.0, 40.0, 40.0])
    comparison = SimpleNamespace(
        true=true, ts=np.array([1.0, 100.0, 50.0]), true_counts=np.ones(3, bool),
        detected=sky([10.02, 21.0], [40.0, 40.0]), detected_counts=np.ones(2, bool),
        score=np.array([0.9, 0.8]),
    )  # fmt: skip
    truth = SimpleNamespace(table={"S1": np.array([5e-9, 1e-9, 3e-10])})
    one = SimpleNamespace(comparison=comparison, truth=truth)
    flux, found, assigned, matched = panes2021._scored(one, "|b|>20", 0.5)
    assert list(found) == [True, False, False]
    assert list(flux) == [5e-9, 1e-9, 3e-10]
    assert list(assigned) == [5e-9, 3e-10]
    assert list(matched) == [True, False]
    assert not len(panes2021._scored(one, "|b|<20", 0.5)[0])
    limits = panes2021.flux_limits([one], 0.5)["|b|>20"]
    assert (limits["true_sources"], limits["detections"]) == (3, 2)
