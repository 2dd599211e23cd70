"""What a cube does not bring along: response, exposure, background."""

import numpy as np
from astropy import units as u
from gammapy.maps import MapAxis
from makers import latfiles as lat
from numpy.testing import assert_allclose

from fermiml import SkyCube
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response


def test_response_follows_the_order_of_preference(tmp_path, caplog):
    named = tmp_path / "named.fits"
    lat.write_ccube(named)
    silent = tmp_path / "silent.fits"
    lat.write_ccube(silent, listed=lat.cuts(evclass=None, evtype=None))
    lat.write_gtpsf(tmp_path / "psf.fits", sigma=0.5)

    def psf(path, **options):
        component = SkyCube.read(path, **options).components[0]
        return component.psf.containment_radius(1000.0, 0.68)[0], component

    given, component = psf(named, psf=tmp_path / "psf.fits", irf="P8R2_SOURCE_V6")
    assert_allclose(given, 0.5 * np.sqrt(-2 * np.log(0.32)), rtol=1e-3)
    assert not component.origins["psf"].assumed

    header, component = psf(named)
    assert component.origins["psf"].text == "P8R3_SOURCE_V3 FRONT+BACK, from the header"

    wins, component = psf(named, irf="P8R3_CLEAN_V3", evtype=32)
    assert component.origins["psf"].text == "P8R3_CLEAN_V3 PSF3, as requested"
    assert (component.selection.irf_name, component.selection.evtype) == ("P8R3_CLEAN_V3", 32)
    assert "--irf P8R3_CLEAN_V3 is used, although the header says P8R3_SOURCE_V3" in caplog.text
    assert "--evtype 32 is used, although the header says 3" in component.notes

    asked, component = psf(silent, irf="P8R3_CLEAN_V3", evtype=32)
    assert component.origins["psf"].text == "P8R3_CLEAN_V3 PSF3, as requested"
    assert asked == wins < 0.6 * header

    default, component = psf(silent)
    assert default == header
    assert component.origins["psf"].assumed
    assert "no IRF in the header: P8R3_SOURCE_V3 is assumed" in component.notes


def test_a_response_that_is_not_there_is_replaced_and_said(tmp_path):
    """P8R2 has no tables of PSF types here, and old versions have none at all."""
    for number, (release, evclass, evtype, taken) in enumerate(
        [("P8R2", 128, 32, "P8R3_SOURCE_V3 PSF3"), ("P8R2", 256, 3, "P8R3_SOURCE_V3 FRONT+BACK")]
    ):
        path = tmp_path / f"{number}.fits"
        lat.write_ccube(path, listed=lat.cuts(evclass, evtype, release))
        component = SkyCube.read(path).components[0]
        assert component.origins["psf"].text.startswith(taken)
        assert component.origins["psf"].assumed
        assert any("no table of P8R2_" in note for note in component.notes)


def test_exposure_at_nodes_on_another_grid(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits")
    lat.write_bexpmap(tmp_path / "bexpmap.fits", 3e11)
    cube = SkyCube.read(tmp_path / "cube.fits", exposure=tmp_path / "bexpmap.fits")
    component = cube.components[0]
    values = exposures.sample(component.exposure, component.pixel_positions()[::9, ::9], [1e3, 9e4])
    assert_allclose(values, 3e11, rtol=1e-6)
    assert not component.origins["exposure"].assumed


def test_exposure_is_estimated_and_said(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits")
    component = SkyCube.read(tmp_path / "cube.fits").components[0]
    value = exposures.sample(component.exposure, component.center[None], 1e3)[0, 0]
    # about 4.3e10 cm2 s a year at 1 GeV, when 2.6e7 s of it are good
    assert_allclose(value, 4.3e10 * lat.GOOD_TIME / 2.6e7, rtol=0.2)
    assert component.origins["exposure"].assumed


def test_background_on_the_same_grid(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits")
    lat.write_ccube(tmp_path / "model.fits", np.full((12, 60, 80), 0.3, np.float32))
    cube = SkyCube.read(tmp_path / "cube.fits", background=tmp_path / "model.fits")
    assert_allclose(cube.components[0].background.data, 0.3)


def test_a_psf_far_from_the_irf_is_told(tmp_path, caplog):
    """A Gaussian of 0.5 deg at all energies is no LAT PSF; the table of the IRF itself is."""
    lat.write_ccube(tmp_path / "cube.fits")
    lat.write_gtpsf(tmp_path / "psf.fits", sigma=0.5)
    component = SkyCube.read(tmp_path / "cube.fits", psf=tmp_path / "psf.fits").components[0]
    (note,) = (note for note in component.notes if "differs from that of" in note)
    assert "P8R3_SOURCE_V3 FRONT+BACK: its 68 % radius at 3.749e+05 MeV is 0.755 deg" in note
    assert note in caplog.text

    caplog.clear()
    axis = MapAxis.from_energy_edges(lat.EDGES * u.MeV, name="energy_true")
    good = load_response("P8R3_SOURCE_V3").psf.to_gammapy(axis)
    SkyCube.read(tmp_path / "cube.fits", psf=good)
    assert "differs from that of" not in caplog.text
