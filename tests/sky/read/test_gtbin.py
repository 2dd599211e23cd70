"""Counts cubes, maps and fermipy folders are read with their counts, energies and cuts."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import latfiles as lat
from numpy.testing import assert_allclose

from fermiml import SkyCube
from fermiml.response import exposure as exposures


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


def test_repr_tells_what_it_is(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits", np.ones((12, 60, 80), np.int16))
    text = repr(SkyCube.read(tmp_path / "cube.fits"))
    assert "gtbin counts cube" in text and "57600 counts" in text
