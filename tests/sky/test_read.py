"""Every kind of input is read with its counts, energies, cuts and response."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import MapAxis
from makers import latfiles as lat
from numpy.testing import assert_allclose

from fermiml import InputError, SkyCube
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response


def assert_all_counts_found(cube, total):
    """Bands + remainder = total, exactly."""
    assert cube.total_counts == total
    found = sum(b.counts.sum(dtype=float) + b.remainder for b in cube.bands())
    assert found == total


def brightest(cube):
    """Position of the pixel with most counts, in the first component."""
    component = cube.components[0]
    image = component.counts.data.sum(axis=0)
    return component.pixel_positions()[np.unravel_index(image.argmax(), image.shape)]


@pytest.mark.parametrize("proj", ["CAR", "AIT", "TAN", "ZEA", "SIN", "STG"])
@pytest.mark.parametrize("frame", ["galactic", "icrs"])
def test_ccube_of_any_projection(tmp_path, proj, frame):
    counts = lat.poisson((12, 60, 80))
    wcs = lat.celestial_wcs(proj=proj, frame=frame)
    counts[:, 40, 20] += 50
    lat.write_ccube(tmp_path / "cube.fits", counts, wcs=wcs)
    cube = SkyCube.read(tmp_path / "cube.fits")
    assert_all_counts_found(cube, counts.sum())
    assert_allclose(cube.components[0].energy_edges, lat.EDGES, rtol=1e-6)
    expected = SkyCoord(*wcs.wcs_pix2world(20, 40, 0), unit="deg", frame=frame)
    assert brightest(cube).separation(expected).arcsec < 1


@pytest.mark.parametrize("binsz", [0.05, 0.2, 0.5])
def test_pixel_size(tmp_path, binsz):
    lat.write_ccube(tmp_path / "cube.fits", binsz=binsz, shape=(20, 20))
    component = SkyCube.read(tmp_path / "cube.fits").components[0]
    assert_allclose(component.pixel_size, binsz, rtol=1e-3)


def test_gzipped_cube_is_the_same(tmp_path):
    counts = lat.write_ccube(tmp_path / "cube.fits")
    cube = SkyCube.read(lat.zipped(tmp_path / "cube.fits"))
    assert_all_counts_found(cube, counts.sum())


def test_cmap_takes_its_energies_from_the_header(tmp_path):
    counts = lat.write_ccube(tmp_path / "map.fits", lat.poisson((60, 80)))
    cube = SkyCube.read(tmp_path / "map.fits")
    assert cube.kind == "gtbin counts map"
    assert_allclose(cube.components[0].energy_edges, [500, 500000])
    assert_all_counts_found(cube, counts.sum())


@pytest.mark.parametrize("ordering", ["RING", "NESTED"])
@pytest.mark.parametrize("coordsys", ["GAL", "EQU", "CEL"])
@pytest.mark.parametrize("gz", [False, True])
def test_full_sky_healpix(tmp_path, ordering, coordsys, gz):
    import healpy

    nside, nest = 32, ordering == "NESTED"
    counts = lat.poisson((12, 12 * nside**2))
    counts[:, 1234] += 100
    path = tmp_path / "hpx.fits"
    lat.write_hpx(path, nside, ordering=ordering, coordsys=coordsys, counts=counts)
    cube = SkyCube.read(lat.zipped(path) if gz else path)
    assert_all_counts_found(cube, counts.sum())
    lonlat = healpy.pix2ang(nside, 1234, nest=nest, lonlat=True)
    frame = "galactic" if coordsys == "GAL" else "icrs"
    expected = SkyCoord(*lonlat, unit="deg", frame=frame)
    assert brightest(cube).separation(expected).arcsec < 1


@pytest.mark.parametrize("nest", [False, True])
def test_partial_healpix_in_any_order(tmp_path, nest):
    import healpy

    pixels = np.random.default_rng(0).permutation(lat.disc_pixels(64, nest=nest))
    counts = lat.poisson((12, len(pixels)))
    counts[:, 7] += 100
    ordering = "NESTED" if nest else "RING"
    lat.write_hpx(tmp_path / "hpx.fits", 64, pixels=pixels, counts=counts, ordering=ordering)
    cube = SkyCube.read(tmp_path / "hpx.fits")
    assert_all_counts_found(cube, counts.sum())
    lonlat = healpy.pix2ang(64, pixels[7], nest=nest, lonlat=True)
    expected = SkyCoord(*lonlat, unit="deg", frame="galactic")
    assert brightest(cube).separation(expected).arcsec < 1


def test_header_cuts(tmp_path):
    center = lat.CENTER.icrs
    circle = (center.ra.deg, center.dec.deg, 2.5)
    lat.write_ccube(
        tmp_path / "cube.fits",
        listed=lat.cuts(evclass=256, evtype=32, circle=circle, zmax=100, energy=(500, 5e5)),
    )
    component = SkyCube.read(tmp_path / "cube.fits").components[0]
    selection = component.selection
    assert (selection.evclass, selection.evtype, selection.release) == (256, 32, "P8R3")
    assert selection.irf_name == "P8R3_CLEAN_V3"
    assert component.event_types == ("PSF3",)
    assert selection.energy == (500, 5e5)
    assert selection.zenith == (0, 100)
    assert_allclose(selection.good_time, lat.GOOD_TIME)
    separation = component.pixel_positions().separation(lat.CENTER).deg
    assert np.array_equal(component.mask, separation <= 2.5)


def test_overlapping_good_time_counts_once(tmp_path):
    from fermiml.sky.selection import merge_gti

    merged = merge_gti(np.array([[50.0, 80], [0, 10], [5, 20], [60, 70], [90, 90]]))
    assert_allclose(merged, [[0, 20], [50, 80]])


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
    assert component.origins["psf"].text == "P8R3_CLEAN_V3 PSF3, as asked for"
    assert (component.selection.irf_name, component.selection.evtype) == ("P8R3_CLEAN_V3", 32)
    assert "--irf P8R3_CLEAN_V3 is taken, although the header says P8R3_SOURCE_V3" in caplog.text
    assert "--evtype 32 is taken, although the header says 3" in component.notes

    asked, component = psf(silent, irf="P8R3_CLEAN_V3", evtype=32)
    assert component.origins["psf"].text == "P8R3_CLEAN_V3 PSF3, as asked for"
    assert asked == wins < 0.6 * header

    default, component = psf(silent)
    assert default == header
    assert component.origins["psf"].assumed
    assert "no IRF in the header: P8R3_SOURCE_V3 is assumed" in component.notes


def test_a_psf_far_from_the_irf_is_told(tmp_path, caplog):
    """A Gaussian of 0.5 deg at all energies is no LAT PSF; the table of the IRF itself is."""
    lat.write_ccube(tmp_path / "cube.fits")
    lat.write_gtpsf(tmp_path / "psf.fits", sigma=0.5)
    component = SkyCube.read(tmp_path / "cube.fits", psf=tmp_path / "psf.fits").components[0]
    (note,) = (note for note in component.notes if "is far from that of" in note)
    assert "P8R3_SOURCE_V3 FRONT+BACK: its 68 % radius at 3.749e+05 MeV is 0.755 deg" in note
    assert note in caplog.text

    caplog.clear()
    axis = MapAxis.from_energy_edges(lat.EDGES * u.MeV, name="energy_true")
    good = load_response("P8R3_SOURCE_V3").psf.to_gammapy(axis)
    SkyCube.read(tmp_path / "cube.fits", psf=good)
    assert "is far from" not in caplog.text


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


def test_fermipy_folder_keeps_components(tmp_path):
    psf2 = lat.write_ccube(tmp_path / "ccube_00.fits", listed=lat.cuts(evtype=16))
    psf3 = lat.write_ccube(
        tmp_path / "ccube_01.fits", listed=lat.cuts(evtype=32), binsz=0.05, shape=(120, 160)
    )
    lat.write_ccube(tmp_path / "ccube.fits")  # the sum, which must not be counted again
    lat.write_bexpmap(tmp_path / "bexpmap_00.fits", 1e11)
    lat.write_bexpmap(tmp_path / "bexpmap_roi_01.fits", 2e11)
    lat.write_gtpsf(tmp_path / "psf_01.fits", sigma=0.4)
    config = tmp_path / "config.yaml"
    config.write_text("selection: {evclass: 128}\nbinning: {}\nfileio: {outdir: .}\n")
    for source in (tmp_path, config):
        cube = SkyCube.read(source)
        first, second = cube.components
        assert (first.event_types, second.event_types) == (("PSF2",), ("PSF3",))
        assert_allclose([first.pixel_size, second.pixel_size], [0.1, 0.05], rtol=1e-3)
        assert first.origins["psf"].text.startswith("P8R3_SOURCE_V3 PSF2")
        assert second.origins["psf"].text == "psf_01.fits"
        values = [exposures.sample(c.exposure, c.center[None], 1e3)[0, 0] for c in cube.components]
        assert_allclose(values, [1e11, 2e11])
        assert_all_counts_found(cube, psf2.sum() + psf3.sum())


def test_event_types_that_chose_events_are_not_those_of_the_header(tmp_path, caplog):
    """Of PSF2 and PSF3 in the file, PSF0 + PSF3 asked for leaves PSF3."""
    lat.write_ft1(tmp_path / "ft1.fits", listed=lat.cuts(evtype=48))
    (component,) = SkyCube.read(tmp_path / "ft1.fits", evtype=4 + 32).components
    assert component.event_types == ("PSF3",)
    assert "evtype" not in caplog.text


def test_ft1_binning_finds_every_event(tmp_path):
    events = lat.write_ft1(tmp_path / "ft1.fits")
    cube = SkyCube.read(tmp_path / "ft1.fits")
    component = cube.components[0]
    assert_all_counts_found(cube, len(events["energy"]))
    edges = component.energy_edges
    assert_allclose(edges[[0, -1]], [500, 500000])
    for edge in (1000, 2000, 7000, 20000):
        assert np.min(np.abs(edges / edge - 1)) < 1e-9
    assert component.center.separation(lat.CENTER).deg < 0.01
    assert_allclose(component.mask.sum() * 0.01, np.pi * 25, rtol=0.01)


def test_ft1_with_choices(tmp_path):
    events = lat.write_ft1(tmp_path / "ft1.fits")
    cube = SkyCube.read(
        tmp_path / "ft1.fits", center=lat.CENTER, width=4, binsz=0.2, emin=1000, emax=50000,
        zmax=60, evtype=32, tmax=239557417.0 + 5e7,
    )  # fmt: skip
    component = cube.components[0]
    keep = (events["zenith"] <= 60) & ((events["evtype"] & 32) > 0)
    keep &= events["time"] <= 239557417.0 + 5e7
    keep &= (events["energy"] >= 1000) & (events["energy"] <= 50000)
    near = events["position"].separation(lat.CENTER).deg
    assert keep[near < 2].sum() * 0.99 <= cube.total_counts <= keep[near < 2.9].sum()
    assert component.event_types == ("PSF3",)
    assert component.selection.zenith == (0, 60)
    assert_allclose(component.selection.good_time, 5e7, rtol=1e-4)
    assert any("outside" in note for note in component.notes)


def test_ft1_is_not_binned_where_events_were_cut_away(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits")  # 500 MeV - 500 GeV
    component = SkyCube.read(tmp_path / "ft1.fits", emin=100, emax=1e6).components[0]
    assert_allclose(component.energy_edges[[0, -1]], [500, 500000])
    assert any("nothing is binned outside" in note for note in component.notes)


def test_list_of_ft1_files(tmp_path):
    for number in range(2):
        events = lat.random_events(seed=number)
        lat.write_ft1(tmp_path / f"ft1_{number}.fits", events, start=239557417.0 + number * 2e8)
    (tmp_path / "list.txt").write_text("ft1_0.fits\nft1_1.fits\n")
    cube = SkyCube.read(f"@{tmp_path / 'list.txt'}")
    assert_all_counts_found(cube, 8000)
    assert_allclose(cube.components[0].selection.good_time, 2 * lat.GOOD_TIME)


def test_ft1_without_circle_is_masked_outside_the_events(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits", circle=False)
    component = SkyCube.read(tmp_path / "ft1.fits").components[0]
    assert_allclose(component.mask.sum() * 0.01, np.pi * 25, rtol=0.05)
    assert any("convex hull" in note for note in component.notes)


def test_ft1_of_a_wide_field_becomes_healpix(tmp_path, monkeypatch):
    monkeypatch.setattr("fermiml.sky.read.events.ALL_SKY_NSIDE", 64)
    events = lat.random_events(radius=80)
    lat.write_ft1(tmp_path / "ft1.fits", events, circle=False)
    cube = SkyCube.read(tmp_path / "ft1.fits")
    assert cube.components[0].is_healpix
    assert_all_counts_found(cube, len(events["energy"]))


def test_files_with_other_cuts_are_not_merged(tmp_path):
    lat.write_ft1(tmp_path / "a.fits")
    lat.write_ft1(tmp_path / "b.fits", listed=lat.cuts(evclass=256))
    (tmp_path / "list.txt").write_text("a.fits\nb.fits\n")
    with pytest.raises(InputError, match="evclass is 256"):
        SkyCube.read(f"@{tmp_path / 'list.txt'}")


def test_repr_tells_what_it_is(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits", np.ones((12, 60, 80), np.int16))
    text = repr(SkyCube.read(tmp_path / "cube.fits"))
    assert "gtbin counts cube" in text and "57600 counts" in text
