"""Real LAT files: energies, counts, event class and type as their makers meant them."""

import json

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner
from numpy.testing import assert_allclose

from fermiml import InputError, SkyCube
from fermiml.cli.main import main

pytestmark = pytest.mark.latdata

# file, energies in GeV, bins, counts, event class, event types
FILES = [
    ("3fhl_allsky/fermi_3fhl_counts_cube_hpx.fits.gz", (10, 2000), 17, [696519], 128, [3]),
    ("3fhl_gc/fermi-3fhl-gc-counts-cube.fits.gz", (10, 500), 11, [32684], 128, [3]),
    ("3fhl_gc/fermi-3fhl-gc-events.fits.gz", (10, 2000), 18, [32843], 128, [3]),
    ("gc_clean_psf23", (3.98107, 2511.886), 28, [26802, 26502], 256, [16, 32]),
    ("gc_clean_psf23/config_fermipy_gc_example.yaml",
     (3.98107, 2511.886), 28, [26802, 26502], 256, [16, 32]),
    ("pg1553_100mev", (0.1, 300), 28, [22694], 128, [3]),
    ("pg1553_100mev/ccube_00.fits.gz", (0.1, 300), 28, [22694], 128, [3]),
    ("pg1553_100mev/ft1_00.fits.gz", (0.1, 300), 27, [37607], 128, [3]),
    ("j2024_ft1/ft1.fits.gz", (1, 500), 21, [28873], 128, [3]),
    ("crab_fermipy", (398.107, 2511.886), 4, [12, 19], 2048, [4, 8]),
    ("crab_fermipy/config_fermipy_minimal.yaml", (398.107, 2511.886), 4, [12, 19], 2048, [4, 8]),
]  # fmt: skip


@pytest.mark.parametrize("case", FILES, ids=lambda case: case[0])
def test_info_and_counts(latdata, case):
    name, energies, bins, counts, evclass, evtypes = case
    path = latdata / "real" / name
    result = CliRunner().invoke(main, ["info", "--json", str(path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    components = json.loads(result.output)["components"]
    for facts, total, evtype in zip(components, counts, evtypes, strict=True):
        edges = np.array(facts["energy"]["edges_mev"]) / 1e3
        assert_allclose(edges[[0, -1]], energies, rtol=1e-4)
        assert len(edges) - 1 == bins
        assert facts["counts"]["total"] == total
        in_bands = sum(band["counts"] for band in facts["bands"])
        assert in_bands + facts["remainder"] == facts["counts"]["total"]
        assert facts["event class"]["bit"] == evclass
        assert facts["event type"]["bits"] == evtype
        assert "from the header" in facts["psf"]["text"] or "psf_" in facts["psf"]["text"]
    text = CliRunner().invoke(main, ["info", str(path)], catch_exceptions=False)
    assert text.exit_code == 0 and str(path) in text.output


def test_counts_of_the_real_cubes_are_read_exactly(latdata):
    path = latdata / "real" / "pg1553_100mev" / "ccube_00.fits.gz"
    cube = SkyCube.read(path)
    with fits.open(path) as hdus:
        assert np.array_equal(cube.components[0].counts.data, hdus[0].data)
        assert cube.total_counts == hdus[0].data.sum()


def test_events_and_the_cube_made_of_them_agree(latdata):
    """pg1553 comes as events and as gtbin's cube of them: the same sky, bin by bin."""
    folder = latdata / "real" / "pg1553_100mev"
    cube = SkyCube.read(folder / "ccube_00.fits.gz").components[0]
    events = SkyCube.read(folder / "ft1_00.fits.gz").components[0]
    near = [c.pixel_positions().separation(cube.center).deg < 3 for c in (cube, events)]
    spectra = [
        np.interp(
            [300, 1000, 3000, 10000],
            c.energy_edges,
            np.append(0, c.counts.data[:, mask].sum(axis=1).cumsum()),
        )
        for c, mask in zip((cube, events), near, strict=True)
    ]
    assert_allclose(spectra[0], spectra[1], rtol=0.02)
    peaks = []
    for component in (cube, events):
        image = component.counts.data[component.energy_edges[:-1] > 5000].sum(axis=0)
        peak = np.unravel_index(image.argmax(), image.shape)
        peaks.append(component.pixel_positions()[peak])
    assert peaks[0].separation(peaks[1]).deg < 0.15


def test_equatorial_healpix_is_not_taken_for_galactic(latdata):
    """The brightest pixel above 10 GeV of the whole sky is where the Crab is."""
    cube = SkyCube.read(latdata / "real" / "3fhl_allsky" / "fermi_3fhl_counts_cube_hpx.fits.gz")
    component = cube.components[0]
    brightest = component.counts.data.sum(axis=0).argmax()
    position = component.pixel_positions()[brightest].icrs
    assert abs(position.ra.deg - 83.63) < 0.9 and abs(position.dec.deg - 22.01) < 0.9


def test_corners_outside_the_circle_are_masked(latdata):
    cube = SkyCube.read(latdata / "real" / "gc_clean_psf23")
    for component in cube.components:
        assert not component.mask[[0, 0, -1, -1], [0, -1, 0, -1]].any()
        assert component.counts.data[:, ~component.mask].sum() < 10


def test_datasets_of_another_reader_agree(latdata):
    """gammapy's own reader of the same fermipy folder gives the same counts and PSF."""
    from gammapy.maps import Map

    folder = latdata / "real" / "gc_clean_psf23"
    ours = SkyCube.read(folder).components[0]
    theirs = Map.read(folder / "ccube_00.fits.gz")
    assert np.array_equal(ours.counts.data, theirs.data)
    edges = theirs.geom.axes["energy"].edges.to_value("MeV")
    assert_allclose(ours.energy_edges, edges, rtol=1e-9)
    assert ours.geom.center_skydir.separation(theirs.geom.center_skydir).arcsec < 1e-3


def test_exposure_and_background_of_the_galactic_centre(latdata):
    folder = latdata / "real" / "3fhl_gc"
    cube = SkyCube.read(
        folder / "fermi-3fhl-gc-counts-cube.fits.gz",
        exposure=folder / "fermi-3fhl-gc-exposure-cube.fits.gz",
        psf=folder / "fermi-3fhl-gc-psf-cube.fits.gz",
        background=folder / "fermi-3fhl-gc-background-cube.fits.gz",
    )
    component = cube.components[0]
    assert not any(origin.assumed for origin in component.origins.values())
    # diffuse emission is most, not all, of what is seen
    assert 0.6 < component.background.data.sum() / cube.total_counts < 1.0


def test_the_psf_of_another_analysis_is_refused(latdata):
    """It begins at 4 GeV, the counts at 100 MeV."""
    with pytest.raises(InputError, match=r"covers 3981-2.512e\+06 MeV, the counts need 100-"):
        SkyCube.read(
            latdata / "real" / "pg1553_100mev" / "ccube_00.fits.gz",
            psf=latdata / "real" / "gc_clean_psf23" / "psf_00.fits",
        )


@pytest.mark.parametrize("folder", ["gc_clean_psf23", "crab_fermipy"])
def test_the_psf_of_gtpsf_is_that_of_the_header(latdata, folder):
    for component in SkyCube.read(latdata / "real" / folder).components:
        assert "psf_0" in component.origins["psf"].text
        assert not any("differs from that of" in note for note in component.notes)
