"""The FITS file: layout, keywords, atomic writing, round trips, and files that are none."""

import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from makers import latfiles
from makers.catalogs import sample

from fermiml import InputError, SourceCatalog
from fermiml.catalog.columns import COLUMNS
from fermiml.files import replacing


def assert_same(first, second):
    assert first.table.colnames == second.table.colnames
    for name in first.table.colnames:
        a, b = first.table[name], second.table[name]
        assert np.array_equal(np.ma.getmaskarray(a), np.ma.getmaskarray(b)), name
        nan = {"equal_nan": True} if a.dtype.kind == "f" else {}
        assert np.array_equal(np.ma.filled(a, 0), np.ma.filled(b, 0), **nan), name


@pytest.fixture(params=["full", "empty"])
def catalog(request):
    return sample() if request.param == "full" else SourceCatalog()


def test_layout(catalog, tmp_path):
    catalog.write(tmp_path / "ml.fits")
    with fits.open(tmp_path / "ml.fits") as hdus:
        names = [hdu.header.get("EXTNAME") for hdu in hdus]
        assert names == [None, "LAT_Point_Source_Catalog", "ExtendedSources", "EnergyBounds"]
        main, extended, bounds = hdus[1:]
        assert main.columns.names[: len(COLUMNS)] == list(COLUMNS)
        for number, column in enumerate(COLUMNS.values(), start=1):
            assert main.header[f"TFORM{number}"].removeprefix("1") == column.format.removeprefix(
                "1"
            )
            assert main.header.get(f"TUNIT{number}", "") == column.unit
            assert main.header.get(f"TDISP{number}", "") == column.disp
            assert main.header[f"TCOMM{number}"] == column.description
        assert main.header["TDIM48"] == "(2,8)"
        assert main.header.get("CDS-NAME") == ("4FGL-DR4" if len(catalog) else None)
        assert main.header["VERSION"] == "v1"
        assert main.header["ORIGIN"] == "fermiml" and "fermiml" in main.header["CREATOR"]
        assert main.header["RADESYS"] == "FK5"
        assert any("ML_Flags 64" in line for line in main.header["COMMENT"])
        assert extended.data["Source_Name"] == ["NONE"]
        assert extended.data["Spatial_Function"] == ["RadialDisk"]
        edges = [50, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6]
        assert np.array_equal(bounds.data["LowerEnergy"], edges[:-1])
        assert np.array_equal(bounds.data["UpperEnergy"], edges[1:])


def test_round_trip(catalog, tmp_path):
    catalog.table.meta.update({"EMIN": 500.0, "TSTART": 2.4e8, "SIMULATE": True, "junk": "x"})
    gti = Table({"START": [1.0, 5.0], "STOP": [3.0, 9.0]})
    SourceCatalog(catalog.table, gti=gti).write(tmp_path / "ml.fits")
    again = SourceCatalog.read(tmp_path / "ml.fits")
    assert_same(catalog, again)
    assert again.table.meta == {"EMIN": 500.0, "TSTART": 2.4e8, "SIMULATE": True}
    assert again.simulated and len(again.gti) == 2 and len(again.extended) == 0
    again.write(tmp_path / "again.fits")
    with fits.open(tmp_path / "again.fits") as hdus:
        assert hdus["GTI"].header["TUNIT1"] == "s"
        assert "junk" not in hdus[1].header


@pytest.mark.parametrize("name", ["ml.fits", "ml.fit", "ml.fits.gz", "ml"])
def test_any_name_will_do(name, tmp_path):
    sample().write(tmp_path / name)
    assert_same(sample(), SourceCatalog.read(str(tmp_path / name)))


def test_4fgl_round_trip(tmp_path):
    fermipy = pytest.importorskip("fermipy")
    dr4 = SourceCatalog.read(f"{fermipy.PACKAGE_DATA}/catalogs/gll_psc_v35.fit")
    dr4.write(tmp_path / "dr4.fits")
    again = SourceCatalog.read(tmp_path / "dr4.fits")
    assert_same(dr4, again)
    assert len(again) == 7195 and len(again.extended) == 82


def test_extra_columns_survive(tmp_path):
    extra = {
        "TS_Asimov": np.arange(6.0),
        "Npred_Band": np.ones((6, 5)),
        "Inside": [True] * 6,
        "Note": ["é"] + ["b"] * 5,
    }
    sample(**extra).write(tmp_path / "truth.fits")
    again = SourceCatalog.read(tmp_path / "truth.fits").table
    assert np.array_equal(again["TS_Asimov"], np.arange(6.0))
    assert again["Npred_Band"].shape == (6, 5) and again["Inside"].dtype == bool
    assert list(again["Note"]) == ["?"] + ["b"] * 5


def test_nothing_is_overwritten_by_accident(tmp_path):
    path = tmp_path / "ml.fits"
    path.write_text("precious")
    with pytest.raises(InputError, match=r"ml\.fits: exists already; use --overwrite"):
        sample().write(path)
    assert path.read_text() == "precious"
    sample().write(path, overwrite=True)
    assert len(SourceCatalog.read(path)) == 6
    assert [p.name for p in tmp_path.iterdir()] == ["ml.fits"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "ml.fits"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path, overwrite=True) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_folders_above_are_made_but_none_in_the_place_of_a_file(tmp_path):
    sample().write(tmp_path / "new" / "ml.fits")
    with pytest.raises(InputError, match=r"ml\.fits is not a folder"):
        sample().write(tmp_path / "new" / "ml.fits" / "ml.fits")
    with pytest.raises(InputError, match="is a folder"):
        sample().write(tmp_path)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda p: None, "no such file"),
        (lambda p: p.write_text("SIMPLE nonsense"), "not a FITS file"),
        (lambda p: p.write_bytes(b""), "not a FITS file"),
        (lambda p: fits.PrimaryHDU(np.zeros((5, 5))).writeto(p), "has no table with positions"),
        (lambda p: Table({"x": [1.0]}).write(p), "has no table with positions"),
        (lambda p: latfiles.write_ft1(p), "is an event list, not a catalog"),
        (lambda p: Table({"RA": ["a"], "DEC": [1.0]}).write(p), "RA holds text, expected numbers"),
        (lambda p: p.mkdir(), "is a folder, a catalog was expected"),
    ],
)
def test_files_that_are_no_catalog(make, message, tmp_path):
    path = tmp_path / "file.fits"
    make(path)
    with pytest.raises(InputError, match=message) as error:
        SourceCatalog.read(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_a_truncated_file(tmp_path):
    path = tmp_path / "file.fits"
    sample().write(path)
    path.write_bytes(path.read_bytes()[:30000])
    with pytest.raises(InputError, match=r"file\.fits"):
        SourceCatalog.read(path)


@pytest.mark.parametrize("version, bands", [(20, 6), (27, 6), (29, 8), (35, 8), (41, 8)])
def test_bands_of_every_4fgl_release(version, bands):
    fermipy = pytest.importorskip("fermipy")
    path = f"{fermipy.PACKAGE_DATA}/catalogs/gll_psc_v{version}.fit"
    catalog = SourceCatalog.read(path)
    theirs = fits.getdata(path, 1)["Flux_Band"]
    assert len(catalog) == len(theirs) > 5000
    assert np.array_equal(catalog.table["Flux_Band"][:, :bands], theirs[:, :bands])
    assert np.all(np.isnan(catalog.table["Flux_Band"][:, bands:]))


@pytest.mark.latdata
@pytest.mark.parametrize(
    "name, sources", [("gll_psch_v13.fit.gz", 1556), ("gll_psch_v09.fit.gz", 360)]
)
def test_fhl_catalogs(latdata, name, sources):
    catalog = SourceCatalog.read(latdata / "catalogs" / name)
    assert len(catalog) == sources
    assert np.all(np.isfinite(catalog.table["RAJ2000"]))


@pytest.mark.skipif(not shutil.which("fitsverify"), reason="fitsverify is not installed")
def test_fitsverify_finds_nothing(catalog, tmp_path):
    extra = {"TS_Asimov": np.ones(len(catalog)), "Inside": np.ones(len(catalog), bool)}
    table = catalog.table.copy()
    for name, values in extra.items():
        table[name] = values
    gti = Table({"START": [1.0], "STOP": [3.0]})
    SourceCatalog(table, gti=gti).write(tmp_path / "ml.fits")
    command = ["fitsverify", "ml.fits"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "found 0 warning(s) and 0 error(s)" in run.stdout, run.stdout


def test_extended_sources_come_along_with_their_rows(tmp_path):
    fermipy = pytest.importorskip("fermipy")
    from fermipy.catalog import Catalog

    dr4 = SourceCatalog.read(f"{fermipy.PACKAGE_DATA}/catalogs/gll_psc_v35.fit")
    near = dr4.positions.separation(dr4.positions[list(dr4.table["CLASS1"]).index("SNR")])
    merged = sample().merge(dr4.filter(near.deg < 20))
    merged.write(tmp_path / "both.fits")
    theirs = Catalog.create(str(tmp_path / "both.fits"))
    assert len(theirs.table) == len(merged) > 10
    extended = {name.strip() for name in theirs.table["Source_Name"][theirs.table["extended"]]}
    expected = merged.table["Source_Name"][merged.table["Extended_Source_Name"] != ""]
    assert extended == set(expected) and len(expected) > 0


def test_an_extended_source_that_is_not_in_the_file(tmp_path):
    catalog = sample(Extended_Source_Name=["Nebula"] + [""] * 5)
    with pytest.raises(InputError, match="Extended_Source_Name: 'Nebula' is not in the table"):
        catalog.write(tmp_path / "ml.fits")
