"""Extended seeds in a fermipy analysis: what is fitted, and what failures leave behind."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers import fakefermipy
from makers.fakefermipy import KNOWN, Sky, catalog

from fermiml import InputError, LikelihoodFit, SourceCatalog
from fermiml.catalog.extended_sources import extended_table
from fermiml.fermipy import engine, extended_seeds, options, outputs, seeding
from fermiml.fermipy.catalog_fit import FermipyEngine

CONFIG = {key: value[0] for key, value in options.ML_SEED.items()} | {"sqrt_ts_threshold": 3.0}
NAME, ROW = "S1", 1
PLACE = SkyCoord(11.1, 0.05, unit="deg")  # 0.11 deg from the seed
RADIUS = 0.4  # deg, of a disk
DISK = {NAME: (PLACE, "RadialDisk", RADIUS * np.sqrt(0.68))}
GAUSSIAN = {NAME: (PLACE, "RadialGaussian", 0.3)}
POINT = {NAME: (PLACE, "PointSource", None)}


@pytest.fixture
def analysis(monkeypatch):
    """The real images of a fake analysis; more photons than its sources usually have."""
    fakefermipy.install_without_images(monkeypatch)
    monkeypatch.setattr(Sky, "NPRED", 100.0)

    def make(truth, **options_):
        return fakefermipy.Analysis(fakefermipy.TS, [fakefermipy.known()], truth=truth, **options_)

    return make


def seeds_of(gta, form="Disk", size=0.6):
    """Seed S1 as an extended row, in the model."""
    table = catalog().table
    table["Extended_Source_Name"][ROW] = NAME
    table["ML_Ext_Form"] = np.where(np.arange(len(table)) == ROW, form, "")
    table["ML_Ext_Size"] = np.where(np.arange(len(table)) == ROW, size, 0.0)
    given = SourceCatalog(table, extended=extended_table(table))
    seeds = seeding.sort_out(given, gta, CONFIG)
    seeding.add_extended(gta, seeds, CONFIG, print)
    return seeds


def fitted(gta, **row):
    """The seeds after the fit, and what was said."""
    seeds, said = seeds_of(gta, **row), []
    extended_seeds.fit_extents(gta, seeds, CONFIG, said.append)
    return seeds, said


def error_of(radius):
    """About what a uniform disk of NPRED photons in each component allows, without a PSF."""
    return radius / np.sqrt(2 * Sky.NPRED)


@pytest.mark.parametrize("form", ["Disk", "2D Gaussian", "Ring"])
def test_form_position_and_size_are_fitted(analysis, form):
    """Whatever form the row has; there is no ring."""
    gta = analysis(DISK)
    seeds, said = fitted(gta, form=form)
    extent, source = seeds.extents[ROW], gta.roi[NAME]
    assert source["SpatialModel"] == "RadialDisk"
    assert source["SpatialWidth"] == pytest.approx(extent.size * np.sqrt(0.68))
    assert extent.size == pytest.approx(RADIUS, abs=0.01)
    assert 0.3 * error_of(RADIUS) < extent.error < 2 * error_of(RADIUS) and extent.ts > 100
    assert source.skydir.separation(PLACE).deg < 0.005 and seeds.localized == [ROW]
    assert 0.01 < source["pos_err"] < 0.05 and gta.consistent()
    assert f"{NAME}: Disk of 0.40" in said[-1] and "TS_ext" in said[-1]


def test_a_gaussian_is_found(analysis):
    gta = analysis(GAUSSIAN)
    seeds, _ = fitted(gta)
    assert seeds.extents[ROW].size == pytest.approx(0.3, abs=0.01)
    assert gta.roi[NAME]["SpatialModel"] == "RadialGaussian"


def test_a_point_that_was_given_as_an_extended_row_has_no_ts_of_the_extension(analysis):
    seeds, _ = fitted(analysis(POINT))
    assert seeds.extents[ROW].size < 0.1 and abs(seeds.extents[ROW].ts) < 1


def test_what_was_fitted_is_in_the_columns_and_in_the_table_of_extended_sources(analysis):
    gta = analysis(GAUSSIAN)
    seeds, _ = fitted(gta)
    catalog_ = outputs.filled(gta, seeds)
    row, (body,) = catalog_.table[ROW], catalog_.extended
    size = seeds.extents[ROW].size
    assert row["ML_Ext_Form"] == body["Model_Form"] == "2D Gaussian"
    assert body["Spatial_Function"] == "RadialGauss"
    assert row["ML_Ext_Size"] == body["Model_SemiMajor"] == body["Model_SemiMinor"]
    assert row["ML_Ext_Size"] == pytest.approx(size)
    assert row["Unc_ML_Ext_Size"] == pytest.approx(seeds.extents[ROW].error)
    assert row["ML_TS_Ext"] == pytest.approx(seeds.extents[ROW].ts)
    assert (body["RAJ2000"], body["DEJ2000"]) == (row["RAJ2000"], row["DEJ2000"])
    assert catalog_.positions[ROW].separation(PLACE).deg < 0.005
    assert 0.02 < row["Conf_95_SemiMajor"] < 0.1


def unchanged(gta, seeds, norms):
    """Whether shape, position, parameters and catalog are those of before."""
    place = gta.roi[NAME].skydir.separation(seeds.catalog.positions[ROW]).deg
    assert gta.roi[NAME]["SpatialModel"] == "RadialDisk" and place < 1e-6
    assert gta.roi[NAME]["SpatialWidth"] == pytest.approx(0.6 * np.sqrt(0.68))
    assert {s.name: s.norm.value for s in gta.roi.sources} == norms
    assert outputs.filled(gta, seeds).table["ML_Ext_Size"][ROW] == np.float32(0.6)
    return gta.consistent() and not seeds.extents and not seeds.localized


def norms_of(gta):
    return {source.name: source.norm.value for source in gta.roi.sources}


def no_maximum(*_):
    raise engine.FitFailed("no maximum")


@pytest.mark.parametrize(
    "break_", [
        lambda gta, patch: setattr(gta, "bad", [NAME]),
        lambda gta, patch: patch.setattr(extended_seeds.extent_fit, "fit", no_maximum),
        lambda gta, patch: patch.setattr(engine, "replace", no_maximum),
        lambda gta, patch: setattr(gta, "change", 0.6),
        lambda gta, patch: patch.setattr(extended_seeds, "_LEAST_TS", 1e6),
    ],
    ids=["refit", "no maximum", "replacement", "worse for the Fermitools", "faint"],
)  # fmt: skip
def test_after_a_failure_the_analysis_is_that_of_before(analysis, monkeypatch, break_):
    gta = analysis(DISK)
    seeds, said = seeds_of(gta), []
    norms = norms_of(gta)
    break_(gta, monkeypatch)
    extended_seeds.fit_extents(gta, seeds, CONFIG, said.append)
    assert unchanged(gta, seeds, norms)
    assert f"{NAME}: " in said[-1] and said[-1].endswith("; form, position and size stay")


def test_a_half_made_replacement_leaves_the_source_of_before(analysis):
    gta = analysis(DISK)
    seeds, said = seeds_of(gta), []
    norms, add = norms_of(gta), gta.add_source

    def breaks_once(name, properties, **given):
        gta.half = [name] if properties["SpatialWidth"] < 0.4 else []
        add(name, properties, **given)

    gta.add_source = breaks_once
    extended_seeds.fit_extents(gta, seeds, CONFIG, said.append)
    assert unchanged(gta, seeds, norms)
    assert "could not be added: Source map cannot be made" in said[-1]


def test_a_source_that_is_lost_for_good_has_failed(analysis):
    gta = analysis(DISK)
    seeds = seeds_of(gta)
    gta.half = [NAME]
    extended_seeds.fit_extents(gta, seeds, CONFIG, print)
    assert seeds.status[ROW] == "failed" and "could not be added" in seeds.reason[ROW]
    assert gta.consistent() and not gta.roi.has_source(NAME)


def test_extents_of_other_catalogs_stay(analysis):
    gta = analysis(DISK)
    seeds = seeds_of(gta)
    del seeds.catalog.table["ML_Ext_Form"]
    before = engine.parameters(gta)
    extended_seeds.fit_extents(gta, seeds, CONFIG, print)
    assert not seeds.extents and len(gta.shapes) == 1 and before.keys()


@pytest.mark.parametrize("extents", [True, False])
def test_the_engine_fits_extents_unless_they_are_to_stay(analysis, monkeypatch, extents):
    called = []
    monkeypatch.setattr(extended_seeds, "fit_extents", lambda *_: called.append(1))
    gta = analysis(DISK)
    gta.geom = gta.components[0].geom
    monkeypatch.setattr(Sky, "contains", lambda *_: np.ones(6, bool), raising=False)
    LikelihoodFit("fermipy", extents=extents).run(catalog(), gta)
    assert len(called) == extents
    with pytest.raises(InputError, match="extents"):
        FermipyEngine(extents="maybe")


def test_a_pulsar_in_its_nebula_is_a_neighbour(analysis):
    """Its norm is free, and the nebula does not take its photons."""
    inside = SkyCoord(11.1, 0.3, unit="deg")
    pulsar = fakefermipy.Source("pulsar", inside)
    gta = analysis(DISK)
    gta.roi.sources.append(pulsar)
    for component in gta.components:
        component.like.names.append("pulsar")
    seeds, _ = fitted(gta)
    assert seeds.extents[ROW].size == pytest.approx(RADIUS, abs=0.01)
    assert gta.roi.has_source(KNOWN) and {NAME, "pulsar", "galdiff"} in gta.fits
