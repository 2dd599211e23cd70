"""Populations: numbers, fluxes, spectra, places."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from fermiml.errors import InputError
from fermiml.model.sources import DISK, GAUSS, RING, Shapes, Sources, concatenate
from fermiml.simulate import populations
from fermiml.simulate.populations import PRESETS, FluxLaw

SHAPES = populations.parametric_shapes()


@pytest.fixture(scope="module")
def skies():
    """Ten skies of every preset, down to 2e-10."""
    return {
        name: [
            populations.draw(law, SHAPES, np.random.default_rng(seed), faintest=2e-10)
            for seed in range(10)
        ]
        for name, law in PRESETS.items()
    }


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("flux", "number"), [(5e-10, 773), (1e-9, 391)])
def test_bright_sources_are_as_many_as_in_4fgl_dr4(skies, preset, flux, number):
    """|b| > 20 deg, within 10 %."""
    counts = [np.sum((s.flux1000 > flux) & (np.abs(s.lat) > 20)) for s in skies[preset]]
    assert np.mean(counts) == pytest.approx(number, rel=0.1)


def test_presets_differ_in_faint_sources_and_pulsars():
    """Above 1e-11 all sky, and pulsars above 1e-9."""
    faint = [sum(law.count(1e-11) for law in PRESETS[n].isotropic.values()) for n in PRESETS]
    nominal, crowded, sparse = faint
    assert crowded > 1.4 * nominal
    assert sparse < 0.7 * nominal


def test_flux_law_draws_what_it_promises():
    """Drawn numbers and summed flux against the integrals, across a break."""
    law = FluxLaw(100, (1e-12, 1e-10, 1e-8), (1.0, 2.2))
    flux = law.draw(np.random.default_rng(1), 1e-11, 400_000)
    assert flux.min() >= 1e-11
    above = law.count(1e-10) / law.count(1e-11)
    assert np.mean(flux > 1e-10) == pytest.approx(above, rel=0.02)
    assert law.count(1e-9) == pytest.approx(100)
    mean = law.total_flux(1e-11, 1e-8) / law.count(1e-11)
    assert flux.mean() == pytest.approx(mean, rel=0.02)


def test_spectra_have_the_drawn_flux(skies):
    """The integral from 1 to 100 GeV of the spectrum is S1."""
    sky = skies["nominal"][0]
    energy = np.geomspace(1e3, 1e5, 4001)
    some = sky[::200]
    density = some.amplitude[:, None] * some.shapes.density(energy)
    assert np.sum(
        0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(energy), axis=1
    ) == pytest.approx(some.flux1000, rel=2e-3)


def test_pulsars_crowd_the_plane_and_blazars_do_not(skies):
    """Median latitudes by class."""
    sky = concatenate(skies["nominal"])
    latitude = {c: np.median(np.abs(sky.lat[sky.class1 == c])) for c in ("PSR", "MSP", "bll")}
    assert latitude["PSR"] < 3
    assert 5 < latitude["MSP"] < 25
    assert latitude["bll"] == pytest.approx(30, abs=1.5)


def test_a_field_has_the_density_of_the_sky():
    """Sources within 20 deg of a position: the same law, and none outside."""
    center = SkyCoord(100, 50, unit="deg", frame="galactic")
    rng = np.random.default_rng(2)
    drawn = populations.draw(PRESETS["nominal"], SHAPES, rng, center, 20.0, 1e-11)
    position = SkyCoord(drawn.lon, drawn.lat, unit="deg", frame="galactic")
    away = position.separation(center).deg
    assert away.max() < 20
    blazars = np.isin(drawn.class1, ("bll", "fsrq"))
    expected = sum(law.count(1e-11) for law in PRESETS["nominal"].isotropic.values())
    expected *= (1 - np.cos(np.radians(20))) / 2
    assert blazars.sum() == pytest.approx(expected, rel=0.1)
    # half of the area is within 14.1 deg
    assert np.mean(away[blazars] < 14.1) == pytest.approx(0.5, abs=0.03)


def test_same_seed_same_sky():
    """Two draws with one seed are equal, with another they differ."""
    one, two, other = (
        populations.draw(PRESETS["sparse"], SHAPES, np.random.default_rng(s), faintest=1e-9)
        for s in (5, 5, 6)
    )
    assert np.array_equal(one.lon, two.lon)
    assert np.array_equal(one.amplitude, two.amplitude)
    assert len(other) != len(one) or not np.array_equal(one.lon, other.lon)


def test_faint_sources_are_the_mean_that_the_spectrum_is_lowered_by():
    """The intensity at 1-100 GeV against the sum over drawn sources."""
    law = PRESETS["nominal"]
    edges = np.geomspace(1e3, 1e5, 200)
    energy = np.sqrt(edges[1:] * edges[:-1])
    mean = populations.faint_spectrum(law, SHAPES, 1e-10, energy, faintest=1e-11)
    integral = np.sum(mean * np.diff(edges))
    sky = populations.draw(law, SHAPES, np.random.default_rng(3), faintest=1e-11)
    blazars = sky[np.isin(sky.class1, ("bll", "fsrq"))]
    flux = blazars.flux1000
    assert integral == pytest.approx(flux[flux < 1e-10].sum() / (4 * np.pi), rel=0.03)


def test_a_cone_holds_extended_sources_that_reach_into_it():
    """`within` counts the size of a source."""
    one = np.ones(1)
    shapes = Shapes(1e3 * one, 2 * one, 0 * one, 0 * one)
    disk = Sources.points(np.array([12.0]), np.zeros(1), 1e-9 * one, shapes, "snr")
    center = SkyCoord(0, 0, unit="deg", frame="galactic")
    assert len(disk.within(center, 11)) == 0
    assert len(disk.extended_to([DISK], [1.5]).within(center, 11)) == 1


def test_extended_sources_are_those_of_4fgl_dr4():
    """Its medians of size and flux (82 sources: 0.55 deg, 5.6e-9), and all forms."""
    drawn = populations.draw_extended(5000, np.random.default_rng(1))
    assert np.median(drawn.size) == pytest.approx(0.55, rel=0.1)
    assert np.median(drawn.flux1000) == pytest.approx(5.6e-9, rel=0.1)
    assert drawn.size.max() > 3
    assert set(drawn.form) == {DISK, GAUSS, RING}
    assert 0.05 < np.mean(np.abs(drawn.lat) > 10) < 0.15


def test_unknown_catalog_is_refused():
    """The message names what is known."""
    with pytest.raises(InputError, match="parametric, 4FGL-DR4, FL16Y"):
        populations.library("no-such-file.fits")


def test_catalog_shapes_do_not_tell_how_bright_a_source_was():
    """All blazars are parabolas and all pulsars have a cutoff, if fermipy has a catalog."""
    pytest.importorskip("fermipy")
    shapes = populations.library("4FGL-DR4")
    assert len(shapes["bll"]) > 200
    assert np.all(shapes["bll"].exp_index == 0)
    assert np.mean(shapes["bll"].curvature > 0) > 0.9
    assert np.all(shapes["PSR"].exp_index > 0)
    assert np.median(shapes["fsrq"].index) > np.median(shapes["bll"].index) + 0.2


@pytest.mark.parametrize("release", ["gll_psc_v20.fit", "gll_psc_v35.fit", "gll_psc_v40.fit"])
def test_the_sources_of_any_4fgl_release(release):
    """Their fluxes from the spectra are those of the catalog; extensions are read."""
    pytest.importorskip("fermipy")
    from astropy.io import fits

    from fermiml.model import from_catalog

    path = from_catalog.find("4FGL-DR4").with_name(release)
    sources, names = from_catalog.own_sources(path)
    table = fits.getdata(path, 1)
    flux = dict(zip(np.char.strip(table["Source_Name"]), table["Flux1000"], strict=True))
    ratio = sources.flux1000 / np.array([flux[name] for name in names])
    assert len(sources) > 5000
    assert np.percentile(ratio, [5, 50, 95]) == pytest.approx([1, 1, 1], abs=0.03)
    assert 60 < np.sum(sources.size > 0) < 90
