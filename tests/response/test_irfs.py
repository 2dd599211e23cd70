"""The installed response tables against published numbers."""

from importlib import resources

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fermiml import InputError
from fermiml.response import irfs
from fermiml.response.installed import installed_irfs, load_response

P8R3 = ("SOURCE", "CLEAN", "ULTRACLEANVETO", "SOURCEVETO")


def test_installed_tables():
    assert installed_irfs() == ["P8R2_SOURCE_V6", *sorted(f"P8R3_{name}_V3" for name in P8R3)]
    folder = resources.files("fermiml.data.irfs")
    size = sum(p.stat().st_size for p in folder.iterdir() if p.name.endswith(".fits"))
    assert size < 4e6


def test_published_containment_of_p8r3_source():
    psf = load_response("P8R3_SOURCE_V3").psf
    assert_allclose(psf.containment_radius([1e3, 1e4], 0.68), [0.80, 0.155], rtol=0.05)


@pytest.mark.parametrize("name", [f"P8R3_{name}_V3" for name in P8R3])
def test_event_types_are_ordered_by_quality(name):
    r68 = [
        load_response(name, irfs.EVENT_TYPES[t]).psf.containment_radius(1e3, 0.68)[0]
        for t in ("PSF0", "PSF1", "PSF2", "PSF3")
    ]
    assert np.all(np.diff(r68) < 0)
    widths = []
    for event_type in ("EDISP0", "EDISP1", "EDISP2", "EDISP3"):
        response = load_response(name, irfs.EVENT_TYPES[event_type])
        row = response.edisp[np.argmin(np.abs(response.energy - 1e4))]
        low, high = np.interp([0.16, 0.84], row, response.ratio)
        widths.append(high - low)
    assert np.all(np.diff(widths) < 0)


@pytest.mark.parametrize("name", [f"P8R3_{name}_V3" for name in P8R3])
def test_every_partition_holds_all_events(name):
    energy, costheta = np.array([300.0, 1e3, 1e4, 1e5]), np.array([0.4, 0.7, 1.0])
    areas = [
        load_response(name, evtype).effective_area(energy, costheta) for evtype in (3, 60, 960)
    ]
    assert_allclose(areas[1], areas[0], rtol=0.05)
    assert_allclose(areas[2], areas[0], rtol=0.05)


def test_effective_area_of_source_class():
    response = load_response("P8R3_SOURCE_V3")
    # about 0.9 m2 on axis above 1 GeV, nothing beyond the edge of the field of view
    assert_allclose(response.effective_area([1e4], [1.0]), 9200, rtol=0.05)
    assert response.effective_area([1e4], [0.1])[0, 0] == 0


def test_psf_is_normalized_and_summed_with_the_area():
    both = load_response("P8R3_SOURCE_V3", 3)
    front, back = (load_response("P8R3_SOURCE_V3", n) for n in (1, 2))
    for response in (both, front, back):
        assert_allclose(response.psf.normalized().values, response.psf.values, rtol=1e-6)
    weight = front.aeff.mean(axis=1) / both.aeff.mean(axis=1)
    expected = weight[:, None] * front.psf.values + (1 - weight[:, None]) * back.psf.values
    assert_allclose(both.psf.values, expected, rtol=1e-5)


def test_dispersion_conserves_events_and_is_narrow():
    response = load_response("P8R3_SOURCE_V3")
    true, reco = np.geomspace(1e3, 1e5, 17), np.geomspace(100, 1e6, 33)
    matrix = response.edisp_matrix(true, reco)
    assert_allclose(matrix.sum(axis=1), 1, atol=1e-3)
    mean = matrix @ np.sqrt(reco[:-1] * reco[1:]) / np.sqrt(true[:-1] * true[1:])
    assert_allclose(mean, 1, atol=0.1)


def test_event_type_sums():
    assert irfs.type_names(48) == ("PSF2", "PSF3")
    assert irfs.type_names(3) == ("FRONT", "BACK")
    for wrong in (0, 5, 1024):
        with pytest.raises(InputError, match="is not a sum within"):
            irfs.type_names(wrong)
    with pytest.raises(InputError, match="P8R2_SOURCE_V6 has no table for PSF3"):
        load_response("P8R2_SOURCE_V6", 32)
