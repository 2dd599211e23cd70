"""Patches: right places, all counts, every piece of sky owned once."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from makers import latfiles as lat
from numpy.testing import assert_allclose
from pytest import approx

from fermiml import SkyCube
from fermiml.sky.patches import PIXEL
from fermiml.sky.tiling import pixel_side


def owned_counts(patches):
    """Counts per band in the sky that each patch owns."""
    return sum(p.counts[0][:, p.owned].sum(axis=1, dtype=float) for p in patches)


def observed_counts(cube):
    banded = cube.bands()[0]
    return banded.counts[:, banded.component.mask].sum(axis=1, dtype=float)


def spike(patch, band):
    """Position of the centre of gravity of the counts near the brightest pixel."""
    image = patch.counts[0, band]
    y, x = np.unravel_index(image.argmax(), image.shape)
    window = np.s_[max(y - 6, 0) : y + 7, max(x - 6, 0) : x + 7]
    weight = image[window] / image[window].sum()
    yy, xx = np.mgrid[window]
    return patch.geom.wcs.pixel_to_world((xx * weight).sum(), (yy * weight).sum())


def test_a_small_flat_cube_is_one_patch_with_whole_counts(tmp_path):
    counts = lat.write_ccube(tmp_path / "cube.fits")
    cube = SkyCube.read(tmp_path / "cube.fits")
    patches = cube.patches()
    (patch,) = patches
    assert len(patches) == 1 and patch.owned.all()
    assert patch.counts.sum() == counts.sum()
    assert np.array_equal(patch.counts, np.round(patch.counts))
    assert patch.coverage.sum() == 60 * 80
    for ours, theirs in zip(patches.psf[0], cube.bands()[0].psf, strict=True):
        assert np.array_equal(ours.values, theirs.values)  # nothing was smeared
    ours = patch.geom.pix_to_coord((70.0, 90.0))
    x, y = lat.celestial_wcs().world_to_pixel(SkyCoord(*ours, frame="galactic"))
    assert patch.counts[0, :, 90, 70].sum() == counts[:, round(float(y)), round(float(x))].sum()


@pytest.mark.parametrize(("binsz", "factor"), [(0.05, 2), (0.025, 4)])
def test_fine_pixels_are_rebinned(tmp_path, binsz, factor):
    shape = 61 * factor - 1, 50 * factor  # does not divide evenly
    counts = lat.write_ccube(
        tmp_path / "cube.fits", lat.poisson((12, *shape), 0.1), binsz=binsz, shape=shape
    )
    (patch,) = SkyCube.read(tmp_path / "cube.fits").patches()
    assert patch.counts.sum() == counts.sum()
    assert_allclose(patch.coverage.sum(), shape[0] * shape[1] / factor**2)


def test_a_large_flat_cube_is_shared_out(tmp_path):
    shape = 150, 400
    counts = lat.write_ccube(
        tmp_path / "cube.fits", lat.poisson((12, *shape)), shape=shape, proj="CAR",
        center=SkyCoord(0, 0, unit="deg", frame="galactic"),
    )  # fmt: skip
    patches = SkyCube.read(tmp_path / "cube.fits").patches()
    assert len(patches) > 4
    assert owned_counts(patches).sum() == counts.sum()
    for patch in patches:  # what a patch owns inside the data is away from its own border
        y, x = np.nonzero(patch.owned & (patch.coverage[0] > 0))
        touches = (x < 8) | (x > 119) | (y < 8) | (y > 119)
        lon, lat_ = patch.geom.pix_to_coord((x[touches], y[touches]))
        lon = (lon.to_value("deg") + 180) % 360 - 180
        assert np.all((np.abs(lon) > 19) | (np.abs(lat_.to_value("deg")) > 6.5))


@pytest.mark.parametrize("proj", ["CAR", "AIT", "TAN"])
@pytest.mark.parametrize("binsz", [0.1, 0.13, 0.04, 0.3])
def test_reprojection_conserves_counts(tmp_path, proj, binsz):
    """Far from the equator of the projection, or with odd pixels, counts are split by area."""
    shape = round(9 / binsz), round(9 / binsz)
    wcs = lat.celestial_wcs(shape=shape, binsz=binsz, proj=proj)
    if proj == "CAR":  # as gtbin does for a band of the sky: the equator is far away
        wcs.wcs.crval = 30.0, 0.0
        wcs.wcs.crpix[1] -= 50 / binsz
    counts = lat.write_ccube(tmp_path / "cube.fits", lat.poisson((12, *shape), 1.0), wcs=wcs)
    patches = SkyCube.read(tmp_path / "cube.fits").patches()
    (patch,) = patches
    assert_allclose(patch.counts.sum(dtype=float), counts.sum(), rtol=1e-3)
    area = SkyCube.read(tmp_path / "cube.fits").components[0].geom.solid_angle().sum()
    assert_allclose(patch.coverage.sum() * patches.pixel**2, area.to_value("deg2"), rtol=0.01)
    # a smooth sky stays smooth
    inside = patch.coverage[0] == 1
    blocks = patch.counts[0].sum(axis=0)[inside]
    assert blocks.std() / blocks.mean() < 1.2 / np.sqrt(blocks.mean()) + 0.05


def test_full_sky_healpix_is_owned_once(tmp_path):
    lat.write_hpx(tmp_path / "hpx.fits", 32)
    cube = SkyCube.read(tmp_path / "hpx.fits")
    check_ownership(cube, cube.patches())


@pytest.mark.parametrize(
    "binsz, pixel", [(0.05, 0.1), (0.1, 0.1), (0.13, 0.1), (0.3, 0.15), (0.9, 0.45), (2.0, 0.5)]
)
def test_coarse_data_get_coarser_patches(tmp_path, binsz, pixel):
    shape = round(10 / binsz), round(10 / binsz)
    lat.write_ccube(tmp_path / "cube.fits", lat.poisson((12, *shape)), binsz=binsz, shape=shape)
    patches = SkyCube.read(tmp_path / "cube.fits").patches()
    assert_allclose(patches.pixel, pixel, rtol=0.03)
    assert_allclose(pixel_side(patches.geoms[0]), pixel, rtol=0.03)


@pytest.mark.parametrize("nest", [False, True])
def test_polar_cap_is_owned_once(tmp_path, nest):
    import healpy

    pixels = healpy.query_disc(128, [0, 0, -1], np.radians(20), nest=nest)
    ordering = "NESTED" if nest else "RING"
    lat.write_hpx(tmp_path / "hpx.fits", 128, ordering=ordering, coordsys="EQU", pixels=pixels)
    cube = SkyCube.read(tmp_path / "hpx.fits")
    check_ownership(cube, cube.patches(), region=cube.components[0])


def check_ownership(cube, patches, region=None):
    """All counts are owned, every direction once, by patches that have it well inside."""
    tolerance = 0.01 if region is None else 0.04  # pixels of the rim reach beyond the samples
    assert_allclose(owned_counts(patches), observed_counts(cube), rtol=tolerance)
    frame = patches.geoms[0].frame
    sky = SkyCoord(*np.random.default_rng(1).normal(size=(3, 9000)) * u.one,
                   representation_type="cartesian", frame=frame)  # fmt: skip
    sky = SkyCoord(sky.spherical.lon, sky.spherical.lat, frame=frame)
    if region is not None:
        sky = sky[region.geom.contains(sky)]
    owners, size = np.zeros(len(sky), int), patches.geoms[0].data_shape[0]
    for number, geom in enumerate(patches.geoms):
        owned = patches._tiling.owned(number)
        assert min(np.min(i) for i in np.nonzero(owned)) >= 10
        assert max(np.max(i) for i in np.nonzero(owned)) < size - 10
        x, y = geom.coord_to_idx(sky)
        inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
        inside &= sky.separation(geom.center_skydir).deg < 80
        owners[inside] += owned[y[inside], x[inside]]
    # a pixel on the line between two patches goes where its centre is
    assert np.mean(owners == 1) > 0.97
    assert owners.mean() == approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("lon", "lat_"), [(0.03, 0.02), (359.95, 41.0), (77.0, 89.9), (10.0, -89.9)]
)
def test_a_source_is_where_it_was(tmp_path, lon, lat_):
    """One bright HEALPix pixel, found again in the patch that owns it, within 0.01 deg."""
    import healpy

    nside = 256
    pixel = healpy.ang2pix(nside, lon, lat_, lonlat=True)
    near = healpy.query_disc(nside, healpy.pix2vec(nside, pixel), np.radians(8))
    counts = np.zeros((12, len(near)))
    counts[:, near == pixel] = 100
    lat.write_hpx(tmp_path / "hpx.fits", nside, pixels=near, counts=counts)
    cube = SkyCube.read(tmp_path / "hpx.fits")
    expected = SkyCoord(*healpy.pix2ang(nside, pixel, lonlat=True), unit="deg", frame="galactic")
    shifted = cube.components[0].center.directional_offset_by(40 * u.deg, 3.7 * u.deg)
    for patches in (cube.patches(), cube.patches(origin=shifted)):
        owners = 0
        for patch in patches:
            x, y = patch.geom.coord_to_idx(expected)
            inside = 0 <= x[0] < 128 and 0 <= y[0] < 128 if np.ndim(x) else 0 <= x < 128
            if inside and patch.owned[int(np.ravel(y)[0]), int(np.ravel(x)[0])]:
                owners += 1
                assert spike(patch, 1).separation(expected).deg < 0.02  # sampled
        assert owners == 1


def test_masked_pixels_are_not_empty_sky(tmp_path):
    center = lat.CENTER.icrs
    listed = lat.cuts(circle=(center.ra.deg, center.dec.deg, 2.0))
    lat.write_ccube(tmp_path / "cube.fits", np.ones((12, 60, 80), np.int32), listed=listed)
    cube = SkyCube.read(tmp_path / "cube.fits")
    (patch,) = cube.patches()
    assert_allclose(patch.coverage.sum() * PIXEL**2, np.pi * 4, rtol=0.02)
    assert patch.counts[:, :, patch.coverage[0] == 0].sum() == 0
    assert patch.counts.sum() == observed_counts(cube).sum()


def test_components_with_other_pixels_share_the_patches(tmp_path):
    lat.write_ccube(tmp_path / "ccube_00.fits", listed=lat.cuts(evtype=16))
    lat.write_ccube(
        tmp_path / "ccube_01.fits", listed=lat.cuts(evtype=32), binsz=0.17, shape=(30, 40)
    )
    cube = SkyCube.read(tmp_path)
    patches = cube.patches()
    (patch,) = patches
    assert patch.counts.shape == (2, 5, 128, 128)
    for number, banded in enumerate(cube.bands()):
        total = banded.counts.sum(dtype=float)
        assert_allclose(patch.counts[number].sum(dtype=float), total, rtol=0.01)
    r68 = [[p.containment_radius(1.0, 0.68)[0] for p in row] for row in patches.psf]
    own = [[p.containment_radius(1.0, 0.68)[0] for p in b.psf] for b in cube.bands()]
    assert np.all(np.array(r68) > own)


@pytest.mark.parametrize("nside", [64, 128])
@pytest.mark.slow
def test_coarse_pixels_are_folded_into_the_psf(tmp_path, nside):
    """Point sources anywhere in the pixels: their mean profile in the patch is `patches.psf`."""
    import healpy

    random = np.random.default_rng(2)
    band = 3  # 7-20 GeV, where the PSF is much narrower than the pixels
    lat.write_ccube(tmp_path / "any.fits")
    psf = SkyCube.read(tmp_path / "any.fits").bands()[0].psf[band]
    radii, cumulative = integral(psf)
    profile, edges = np.zeros(12), np.arange(13) * 0.2
    for number in range(40):
        source = SkyCoord(30 + random.uniform(-2, 2), 40 + random.uniform(-2, 2), unit="deg",
                          frame="galactic")  # fmt: skip
        distance = np.interp(random.uniform(0, cumulative[-1], 3000), cumulative, radii)
        events = source.directional_offset_by(
            random.uniform(0, 360, 3000) * u.deg, distance * u.deg
        )
        pixels = healpy.ang2pix(nside, events.l.deg, events.b.deg, lonlat=True)
        near = healpy.query_disc(nside, healpy.ang2vec(30, 40, lonlat=True), np.radians(5.5))
        counts = np.zeros((12, len(near)))
        inside = np.isin(pixels, near)
        np.add.at(counts[5], np.searchsorted(near, pixels[inside]), 1)
        path = tmp_path / f"{number}.fits"
        lat.write_hpx(path, nside, pixels=near, counts=counts)
        patches = SkyCube.read(path).patches()
        (patch,) = patches
        offset = patch.geom.get_coord().skycoord.separation(source).deg
        profile += np.histogram(offset, edges, weights=patch.counts[0, band])[0]
    share = np.cumsum(profile) / (40 * 3000)
    places = (np.arange(5) - 2) / 5 * patches.pixel  # of events in the patch's own pixels
    expected = patches.psf[0][band].smeared(np.hypot(places[:, None], places).ravel())
    assert_allclose(share, np.interp(edges[1:], *integral(expected)), atol=0.035)


def integral(psf):
    """Radii (deg), and the share of events within each."""
    radii = np.concatenate([[0], np.geomspace(1e-3, 20, 2000)])
    ring = 2 * np.pi * np.sin(np.radians(radii)) * psf.profile(1.0, radii)
    steps = 0.5 * (ring[1:] + ring[:-1]) * np.diff(np.radians(radii))
    return radii, np.concatenate([[0], np.cumsum(steps)])


@pytest.mark.slow
def test_tiny_pixels_at_a_pole_lose_nothing(tmp_path):
    """A CAR map up to the pole: its last pixels are far smaller than any sample grid."""
    shape = 60, 3600
    wcs = lat.celestial_wcs(shape=shape, proj="CAR")
    wcs.wcs.crval = 180.0, 0.0
    wcs.wcs.crpix[1] = 0.5 - 840  # the rows are those of b = 84 to 90 deg
    counts = lat.write_ccube(tmp_path / "cube.fits", lat.poisson((12, *shape), 0.01), wcs=wcs)
    (patch,) = SkyCube.read(tmp_path / "cube.fits").patches(size=256)
    assert_allclose(patch.counts.sum(dtype=float), counts.sum(), rtol=2e-3)


@pytest.mark.parametrize("proj", ["AIT", "MOL"])
def test_whole_sky_projections_have_no_counts_off_the_sky(tmp_path, proj):
    """Corners off the sky are masked, and the rest is the whole sky."""
    center = SkyCoord(0, 0, unit="deg", frame="galactic")
    shape = 90, 180
    wcs = lat.celestial_wcs(center=center, shape=shape, binsz=2.0, proj=proj)
    y, x = np.indices(shape)
    on_sky = np.isfinite(wcs.all_pix2world(x, y, 0)[0])
    lat.write_ccube(tmp_path / "cube.fits", lat.poisson((12, *shape)) * on_sky, wcs=wcs)
    component = SkyCube.read(tmp_path / "cube.fits").components[0]
    assert np.array_equal(component.mask, on_sky)
    assert_allclose(component.pixel_areas()[component.mask].sum(), 41253, rtol=0.02)
