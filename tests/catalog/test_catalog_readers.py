"""The programs that open the file: gammapy, fermipy and STILTS, full and empty."""

import shutil
import subprocess
import warnings

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from makers.catalogs import sample

from fermiml import SourceCatalog
from fermiml.catalog.columns import COLUMNS
from fermiml.catalog.export import export

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::RuntimeWarning")


@pytest.fixture(params=["full", "empty"])
def written(request, tmp_path):
    catalog = (
        sample(ASSOC_FGL=["4FGL J0534.5+2201i"] + [""] * 5)
        if request.param == "full"
        else SourceCatalog()
    )
    catalog.write(tmp_path / "ml.fits")
    return catalog, tmp_path / "ml.fits"


def test_gammapy_opens_it(written):
    from gammapy.catalog import SourceCatalog4FGL

    catalog, path = written
    theirs = SourceCatalog4FGL(path)
    models = theirs.to_models()
    assert len(theirs.table) == len(models) == len(catalog)
    for row, source, model in zip(catalog, theirs, models, strict=True):
        assert source.name == model.name == row["Source_Name"] and source.name in str(source)
        assert theirs[source.name].row_index == source.row_index
        assert source.position.separation(catalog.positions[source.row_index]).deg < 1e-4
        points = source.flux_points
        assert points.geom.axes["energy"].nbin == 8
        if row["SpectrumType"] == "PowerLaw" and np.isfinite(row["PL_Index"]):
            assert np.isclose(model.spectral_model.index.value, row["PL_Index"])
            assert np.allclose(points.flux.quantity.squeeze().to_value("cm-2 s-1"), 1e-10)


def test_gammapy_finds_a_source_by_its_association(tmp_path):
    from gammapy.catalog import SourceCatalog4FGL

    sample(ASSOC_FGL=["4FGL J0534.5+2201i"] + [""] * 5).write(tmp_path / "ml.fits")
    assert SourceCatalog4FGL(tmp_path / "ml.fits")["4FGL J0534.5+2201i"].name == "FNN J0534.5+2200"


def test_gammapy_sees_upper_limits(tmp_path):
    from gammapy.catalog import SourceCatalog4FGL

    errors = np.tile([-1e-11, 1e-11], (6, 8, 1))
    errors[0, 2] = [np.nan, 4e-11]
    sample(Unc_Flux_Band=errors).write(tmp_path / "ml.fits")
    table = SourceCatalog4FGL(tmp_path / "ml.fits")[0].flux_points_table
    assert list(table["is_ul"]) == [False, False, True, *[False] * 5]
    assert np.isclose(table["flux_ul"][2], 1.8e-10)


def test_our_models_are_gammapys(tmp_path):
    """Same spectra as gammapy makes of the file; positions differ by FK5 against ICRS."""
    from gammapy.catalog import SourceCatalog4FGL

    catalog = sample()[:5]
    catalog.write(tmp_path / "ml.fits")
    for mine, theirs in zip(
        catalog.to_models(), SourceCatalog4FGL(tmp_path / "ml.fits").to_models(), strict=True
    ):
        assert mine.spectral_model.tag == theirs.spectral_model.tag
        for name in mine.spectral_model.parameters.names:
            a, b = mine.spectral_model.parameters[name], theirs.spectral_model.parameters[name]
            assert np.isclose(a.quantity.to_value(b.unit), b.value, rtol=1e-6)
        assert mine.spatial_model.position.separation(theirs.spatial_model.position).arcsec < 0.1


def test_fermipy_opens_it(written):
    pytest.importorskip("fermipy")
    from fermipy.catalog import Catalog

    catalog, path = written
    theirs = Catalog.create(str(path))
    assert len(theirs.table) == len(catalog)
    assert not np.any(theirs.table["extended"])
    for row in theirs.table:
        mine = catalog[row["Source_Name"].strip()]
        if mine["SpectrumType"] == "PowerLaw" and np.isfinite(mine["PL_Index"]):
            expected = [mine["PL_Flux_Density"], -mine["PL_Index"], mine["Pivot_Energy"]]
            assert np.allclose(row["param_values"][:3], expected)


def test_fermipy_builds_a_region_from_it(written, tmp_path):
    pytest.importorskip("fermipy")
    from fermipy.roi_model import ROIModel

    catalog, path = written
    config = {
        "catalogs": [str(path)],
        "src_roiwidth": 10.0,
        "src_radius": 10.0,
        "galdiff": [],
        "isodiff": [],
    }
    crab = SkyCoord(83.6, 22.0, unit="deg")
    roi = ROIModel(config, skydir=crab)
    assert [s.name for s in roi.sources] == (["FNN J0534.5+2200"] if len(catalog) else [])
    roi.write_xml(str(tmp_path / "roi.xml"))
    if len(catalog):
        assert np.isclose(roi.sources[0].params["Index"]["value"], -2.2)
        assert roi.sources[0].skydir.separation(catalog.positions[0]).deg < 1e-4


def test_fermipy_adds_it_to_4fgl(written):
    pytest.importorskip("fermipy")
    from fermipy.roi_model import ROIModel

    catalog, path = written
    config = {"catalogs": ["4FGL-DR4", str(path)], "src_radius": 5.0, "galdiff": [], "isodiff": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        roi = ROIModel(config, skydir=SkyCoord(201.4, -43.0, unit="deg"))
    names = [s.name for s in roi.sources]
    assert any(name.startswith("4FGL") for name in names)
    assert ("FNN J1325.4-4301" in names) == bool(len(catalog))


stilts = pytest.mark.skipif(not shutil.which("stilts"), reason="STILTS is not installed")


def _stilts(*arguments):
    return subprocess.run(["stilts", *map(str, arguments)], capture_output=True, text=True)


@stilts
def test_stilts_reads_columns_units_and_descriptions(written):
    catalog, path = written
    count = _stilts("tpipe", f"in={path}", "omode=count").stdout
    assert count.split()[-1] == str(len(catalog))
    meta = "cmd=meta Name Units Description UCD"
    run = _stilts("tpipe", f"in={path}", meta, "ofmt=csv")
    assert run.returncode == 0, run.stderr
    rows = run.stdout.splitlines()
    assert rows[0] == "Name,Units,Description,UCD"
    for column, row in zip(COLUMNS.values(), rows[1:], strict=False):
        assert row.startswith(f"{column.name},{column.unit},")
        assert column.description in row and column.ucd in row


@stilts
def test_stilts_finds_the_votable_valid(written, tmp_path):
    catalog, _ = written
    export(catalog, "votable", tmp_path / "ml.vot")
    run = _stilts("votlint", "ucd=true", "unit=true", tmp_path / "ml.vot")
    assert run.returncode == 0
    bad = [x for x in (run.stdout + run.stderr).splitlines() if "ERROR" in x or "WARNING" in x]
    assert bad == []
