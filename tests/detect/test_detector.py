"""From counts to candidates and a catalog, with a network that needs no training."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from makers import starfield
from makers.latfiles import CENTER, EDGES, cuts, write_bexpmap, write_ccube, write_gtpsf, write_hpx

from fermiml import InputError, SkyCube, SourceCatalog, SourceDetector
from fermiml.catalog.flags import MLFlag
from fermiml.cli.detect import count
from fermiml.detect import calibration, field_prior
from fermiml.detect.field_prior import FieldPrior
from fermiml.detect.finder import HeatmapFinder
from fermiml.networks.pretrained import Pretrained

OPERATING = {
    "photometry": {"intercept": -2.0, "slopes": [1.0, 1.0], "threshold": 0.5},
    "score": {"intercept": 0.0, "slopes": [1.0], "threshold": 0.5},
}


def stub(operating=OPERATING, localizer=None):
    """The joint significance of the features stands for a network."""
    architecture = SimpleNamespace(
        LOCALIZER="peaks",
        RADIUS=1.3,
        VECTORS=(),
        to_maps=lambda out: {"probability": 1 / (1 + np.exp(-np.clip(out["z"] - 6, -30, 30)))},
    )
    model = SimpleNamespace(predict_on_batch=lambda planes: {"z": planes[..., 20]})
    card = {"operating": {"peaks": operating}} if operating else {}
    return HeatmapFinder(Pretrained("stub", architecture, model, card), localizer)


def detect(cube, **settings):
    return SourceDetector(stub(), **{"photometry": False, **settings}).run(cube)


def separations(catalog, position):
    """Distance of each position to the nearest row."""
    return position.match_to_catalog_sky(catalog.positions.galactic)[1].deg


@pytest.fixture(scope="module")
def sky():
    position = starfield.sources()
    return position, *starfield.events(position)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, sky):
    """WCS cube of 18 x 18 deg, HEALPix disc, exposure and PSF."""
    folder = tmp_path_factory.mktemp("sky")
    write_ccube(folder / "wcs.fits", starfield.binned(*sky[1:]), shape=(180, 180))
    pixels, counts = starfield.binned_healpix(*sky[1:])
    write_hpx(folder / "hpx.fits", 512, pixels=pixels, counts=counts)
    write_bexpmap(folder / "exposure.fits")
    write_gtpsf(folder / "psf.fits", starfield.SIGMA)
    return folder


@pytest.fixture
def read(folder):
    def read(name):
        response = {"exposure": folder / "exposure.fits", "psf": folder / "psf.fits"}
        return SkyCube.read(folder / name, **response)

    return read


def test_every_source_is_found_once_and_nothing_else(sky, read):
    catalog = detect(read("wcs.fits"))
    assert len(catalog) == len(sky[0])
    assert separations(catalog, sky[0]).max() < 0.12


def test_healpix_counts_give_the_same_sources(sky, read):
    """Tangent planes cut from HEALPix: as good as the WCS cube; none doubled at the seams."""
    inside = sky[0][sky[0].separation(CENTER).deg < 9]
    catalog = detect(read("hpx.fits"))
    assert separations(catalog, inside).max() < 0.12
    assert len(catalog) == pytest.approx(len(inside), abs=2)


@pytest.fixture(scope="module")
def plain(sky, folder):
    """What is found with the patches where they are by default."""
    response = {"exposure": folder / "exposure.fits", "psf": folder / "psf.fits"}
    return detect(SkyCube.read(folder / "wcs.fits", **response), photometry=True)


@pytest.mark.parametrize(("angle", "shift"), [(70, 3.3), (310, 4.9)])
@pytest.mark.slow
def test_the_tiling_leaves_no_seam(plain, read, angle, shift):
    """Wherever the patches lie, every source is found again at its place, none twice."""
    origin = CENTER.directional_offset_by(angle * u.deg, shift * u.deg)
    catalog = detect(read("wcs.fits"), photometry=True, origin=origin)
    assert len(catalog) == len(plain)
    assert separations(catalog, plain.positions.galactic).max() < 0.03


def test_a_selection_circle_makes_no_sources_at_its_rim(sky, tmp_path, read, folder):
    """Events within 6 deg only, once with a header that says so and once without events."""
    center = CENTER.icrs
    inside = sky[1].separation(CENTER).deg < 6
    counts = starfield.binned(sky[1][inside], sky[2][inside])
    circle = (center.ra.deg, center.dec.deg, 6.0)
    write_ccube(tmp_path / "c.fits", counts, shape=(180, 180), listed=cuts(circle=circle))
    response = {"exposure": folder / "exposure.fits", "psf": folder / "psf.fits"}
    catalog = detect(SkyCube.read(tmp_path / "c.fits", **response))
    distance = separations_to(sky[0], catalog)
    assert distance.max() < 0.1
    known = sky[0][sky[0].separation(CENTER).deg < 5.6]
    assert separations(catalog, known).max() < 0.12


def test_fluxes_that_reach_far_below_the_data_are_not_known(sky, tmp_path, folder):
    """Data from 8.9 GeV have spectra and classes, but no flux from 1 GeV or 100 MeV on."""
    counts = starfield.binned(*sky[1:])[5:]
    write_ccube(tmp_path / "high.fits", counts, shape=(180, 180), edges=EDGES[5:])
    response = {"exposure": folder / "exposure.fits", "psf": folder / "psf.fits"}
    table = detect(SkyCube.read(tmp_path / "high.fits", **response), photometry=True).table
    assert len(table)
    assert np.all(np.isfinite(table["PL_Flux_Density"])) and np.all(table["ML_Class"] != "")
    for name in ("Flux1000", "Energy_Flux100"):
        assert np.all(np.isnan(table[name])) and np.all(np.isnan(table[f"Unc_{name}"]))


def separations_to(position, catalog):
    """Distance of each row to the nearest position."""
    return catalog.positions.galactic.match_to_catalog_sky(position)[1].deg


@pytest.mark.slow
def test_a_source_free_sky_gives_an_empty_catalog_with_all_columns(tmp_path, folder):
    none = SkyCoord([], [], unit="deg", frame="galactic")
    counts = starfield.binned(*starfield.events(none))
    write_ccube(tmp_path / "empty.fits", counts, shape=(180, 180))
    cube = SkyCube.read(
        tmp_path / "empty.fits", exposure=folder / "exposure.fits", psf=folder / "psf.fits"
    )
    catalog = detect(cube, threshold=0.9)
    assert len(catalog) == 0
    catalog.write(tmp_path / "out.fits")
    assert "ML_Prob" in catalog.table.colnames


@pytest.mark.slow
def test_photometry_measures_what_was_put_in(sky, plain):
    """Fluxes of the right number of photons, positions within their errors, header."""
    table = plain.table
    assert len(plain) == len(sky[0])
    inside = separations(plain, sky[0]) < np.max(table["Conf_95_SemiMajor"])
    assert inside.mean() > 0.85
    assert np.median(table["Npred"]) == pytest.approx(starfield.PHOTONS, rel=0.25)
    assert np.all(table["ML_TS"] > 50)
    assert set(table["ML_Model"]) == {"stub"}
    assert np.all(table["ML_Prob"] + table["ML_Prob_FAKE"] == pytest.approx(1))
    assert table.meta["EMIN"] == pytest.approx(500)


@pytest.mark.slow
def test_a_background_that_is_given_enters_the_features(sky, read):
    """A flat one changes nothing much."""
    cube = read("wcs.fits")
    plain = detect(cube)
    component = cube.components[0]
    component.background = component.counts.copy()
    component.background.data = np.ones_like(component.counts.data, float)
    again = detect(cube)
    assert separations(again, plain.positions.galactic).max() < 0.03


def test_a_purity_may_be_chosen(read):
    """The default is 0.95, at the threshold of the network; a purer catalog is shorter."""
    cube = read("wcs.fits")
    every = np.asarray(detect(cube, threshold=0.0).table["ML_Prob"], float)
    by_default = every[every >= 0.5]
    assert len(detect(cube, purity=0.95)) == len(by_default)
    wanted = (by_default.mean() + by_default.max()) / 2
    pure = detect(cube, purity=wanted).table["ML_Prob"]
    assert 0 < len(pure) < len(by_default)
    assert np.mean(pure) >= wanted - 1e-6
    assert "purity 0.9" in repr(SourceDetector(stub(), purity=0.9))


def test_a_structured_field_lowers_probabilities_and_says_so(read, caplog):
    """With a prior for which any field has too many candidates: flag, keyword, words, sums."""
    crowded = FieldPrior(ratio=0.01, scatter=0.1, real=0.1, width=1.0)
    plain, lowered = (
        SourceDetector(stub(), threshold=0.0, photometry=False, prior=prior).run(read("wcs.fits"))
        for prior in (field_prior.NEUTRAL, crowded)
    )
    before, after = (c.table[np.argsort(c.table["RAJ2000"])] for c in (plain, lowered))
    down = (after["ML_Flags"] & MLFlag.STRUCTURED) > 0
    assert down.any() and not np.any(before["ML_Flags"] & MLFlag.STRUCTURED)
    assert np.all(after["ML_Prob"][down] < before["ML_Prob"][down])
    assert np.all(after["ML_Prob_FAKE"] + after["ML_Prob"] == pytest.approx(1))
    assert lowered.table.meta["FALSEFAC"] > 1 and "bit 512" in caplog.text


def test_wrong_settings_are_named():
    with pytest.raises(InputError, match="threshold 2"):
        SourceDetector(stub(), threshold=2)
    with pytest.raises(InputError, match=r"purity 95\.0: give a fraction"):
        SourceDetector(stub(), purity=95.0)
    with pytest.raises(InputError, match="threshold and purity contradict each other"):
        SourceDetector(stub(), threshold=0.5, purity=0.9)
    with pytest.raises(InputError, match="unknown localizer 'best'"):
        stub(localizer="best")


def test_data_below_the_bands_are_refused(tmp_path):
    """100-400 MeV: no band of the networks."""
    edges = np.geomspace(100, 400, 5)
    write_ccube(tmp_path / "low.fits", np.ones((4, 60, 80), np.int32), edges=edges)
    write_bexpmap(tmp_path / "e.fits", nodes=edges)
    cube = SkyCube.read(tmp_path / "low.fits", exposure=tmp_path / "e.fits")
    with pytest.raises(InputError, match="no energy bin lies above 500 MeV"):
        detect(cube)


def test_a_catalog_of_simulated_data_says_so(tmp_path):
    write_ccube(tmp_path / "counts.fits")
    cube = SkyCube.read(tmp_path / "counts.fits")
    assert not detect(cube).simulated
    (component,) = cube.components
    component.selection = replace(component.selection, simulated=True)
    detect(cube).write(tmp_path / "ml.fits")
    assert cube.simulated and SourceCatalog.read(tmp_path / "ml.fits").simulated


@pytest.mark.slow
def test_a_network_that_tells_classes_gives_them_without_photometry(sky, read):
    """The stub's map knows pulsars and others; without such a map there is no class."""
    finder = stub()
    architecture = finder.network.architecture
    plain_maps = architecture.to_maps
    architecture.to_maps = lambda out: {**plain_maps(out), "pulsar": 1.0 * (out["z"] % 2 > 1)}
    detector = SourceDetector(finder, photometry=False)
    table = detector.run(read("wcs.fits")).table
    total = sum(table[f"ML_Prob_{name}"] for name in ("AGN", "PSR", "FAKE"))
    assert np.allclose(total, 1)
    assert set(table["ML_Class"]) == {"AGN", "PSR"}
    assert set(detect(read("wcs.fits")).table["ML_Class"]) == {""}


def test_a_network_without_an_operating_point_says_so(read, caplog):
    detector = SourceDetector(stub(operating=None), photometry=False)
    assert "not calibrated" in caplog.text
    assert detector.threshold == 0.5


def test_what_the_photometry_does_not_confirm_is_demoted(read):
    """A network that takes noise of 2 sigma for sources."""
    point = {**OPERATING["photometry"], "intercept": 2.0}
    finder = stub({"photometry": point})
    finder.network.architecture.to_maps = lambda out: {
        "probability": 1 / (1 + np.exp(2 - out["z"]))
    }
    cube = read("wcs.fits")
    table = SourceDetector(finder, threshold=0.0, prior=field_prior.NEUTRAL).propose(cube)
    low = np.asarray(table["ML_Flags"] & MLFlag.LOW_TS) > 0
    plain = calibration.probability(table["ML_Score"], table, point)
    assert 0 < low.sum() < len(low)
    assert np.asarray(table["ML_Prob"])[~low] == pytest.approx(plain[~low])
    lowered = np.asarray(table["ML_Prob"])[low]
    assert lowered.max() < 0.5 and plain[low].max() > 0.7
    assert np.all(np.diff(lowered[np.argsort(plain[low])]) >= 0)
    assert np.all(lowered[plain[low] < 0.4] == plain[low][plain[low] < 0.4])
    assert count(SourceCatalog.from_table(table)).endswith(
        f"; {low.sum()} with TS < 9 in the photometry (bit 2 of ML_Flags)"
    )
    assert "TS < 9" not in count(SourceCatalog.from_table(table[~low]))
    assert np.asarray(table["ML_Prob_FAKE"]) == pytest.approx(1 - np.asarray(table["ML_Prob"]))
