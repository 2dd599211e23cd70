"""Exports read back by real readers; one very elongated ellipse goes through all of them."""

import csv
import io
import os
import shutil
import subprocess
import time
from xml.etree import ElementTree

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import FK5, SkyCoord
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import MaskedColumn, Table
from astropy.wcs import WCS
from click.testing import CliRunner
from makers.catalogs import sample
from regions import EllipseSkyRegion, PointSkyRegion, Regions

from fermiml import InputError, SourceCatalog
from fermiml.catalog.columns import COLUMNS, cell_names
from fermiml.catalog.export import ENDINGS, export, to_csv, to_votable
from fermiml.catalog.positions import decimal
from fermiml.catalog.sky_regions import to_ds9
from fermiml.cli.main import main

ANGLES = [0.0, 30.0, 90.0, -60.0]


def needle(ra=83.633, dec=22.01, angle=30.0):
    """One source with an error ellipse twenty times as long as wide."""
    columns = {"RA": [ra], "DEC": [dec], "Conf_95_PosAng": [angle], "ML_TS": [100.0]}
    return SourceCatalog.from_table(
        {**columns, "Conf_95_SemiMajor": [1.0], "Conf_95_SemiMinor": [0.05], "ML_Class": ["AGN"]}
    )


def view(center, frame="fk5", rotation=0.0):
    """A tangential projection of 400 x 400 pixels of 0.01 deg, north up or turned."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"] if frame == "fk5" else ["GLON-TAN", "GLAT-TAN"]
    lonlat = center.transform_to(frame).spherical
    wcs.wcs.crval = [lonlat.lon.deg, lonlat.lat.deg]
    wcs.wcs.crpix, wcs.wcs.cdelt = [200.5, 200.5], [-0.01, 0.01]
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.wcs.equinox = 2000.0 if frame == "fk5" else np.nan
    return wcs


def ends_inside(region, center, angle, wcs):
    """Whether points along the position angle are inside, and points across are outside."""

    def inside(turn, distance):
        point = center.directional_offset_by((angle + turn) * u.deg, distance * u.deg)
        return bool(region.contains(point, wcs))

    along = [inside(turn, 0.95) for turn in (0, 180)]
    outside = [inside(0, 1.05), inside(90, 0.07), inside(10, 0.6), inside(-10, 0.6)]
    return all(along) and not any(outside)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize(
    "ra, dec", [(83.633, 22.01), (0.001, -30.0), (359.9999, 5.0), (120.0, 89.5), (40.0, -89.9)]
)
@pytest.mark.parametrize("frame, rotation", [("fk5", 0.0), ("galactic", 0.0), ("fk5", 70.0)])
def test_region_lies_along_the_position_angle(ra, dec, angle, frame, rotation):
    catalog = needle(ra, dec, angle)
    (region,) = catalog.to_regions()
    center = catalog.positions[0]
    assert ends_inside(region, center, angle, view(center, frame, rotation))


@pytest.mark.parametrize("angle", ANGLES)
def test_ds9_file_says_the_same(angle, tmp_path):
    catalog = needle(angle=angle)
    export(catalog, "ds9", tmp_path / "a.reg")
    (region,) = Regions.read(tmp_path / "a.reg", format="ds9")
    assert isinstance(region, EllipseSkyRegion)
    assert region.center.separation(catalog.positions[0]).arcsec < 0.01
    assert np.isclose(region.width.to_value("deg"), 2) and np.isclose(
        region.height.to_value("deg"), 0.1
    )
    assert region.meta["text"] == "FNN J0534.5+2200 (10.0 sigma)"
    assert ends_inside(region, catalog.positions[0], angle, view(catalog.positions[0]))


def test_source_without_ellipse_is_a_point():
    regions = sample().to_regions()
    assert isinstance(regions[5], PointSkyRegion) and len(regions) == 6
    assert regions[5].meta["text"] == "FNN J1325.4-4301"


def test_colours():
    catalog = sample(ASSOC_FGL=["4FGL J0534.5+2201i"] + [""] * 5)
    by_class = [r.visual["color"] for r in catalog.to_regions()]
    assert by_class == ["magenta", "cyan", "cyan", "magenta", "magenta", "red"]
    unclassified = dict.fromkeys(("ML_Prob", "ML_Prob_AGN", "ML_Prob_PSR"), [np.nan] * 6)
    known = sample(**unclassified, CLASS1=["PSR", "bll", "", "spp", "MSP", "fsrq"])
    by_known = [r.visual["color"] for r in known.to_regions()]
    assert by_known == ["magenta", "cyan", "green", "orange", "magenta", "cyan"]
    by_match = [r.visual["color"] for r in catalog.to_regions("match")]
    assert by_match == ["green"] + ["yellow"] * 5
    with pytest.raises(InputError, match="colour 'taste', expected 'class' or 'match'"):
        catalog.to_regions("taste")


def test_votable_has_units_ucds_and_values(tmp_path):
    catalog = sample()
    export(catalog, "votable", tmp_path / "a.vot")
    table = parse(tmp_path / "a.vot").get_first_table()
    for column, field in zip(COLUMNS.values(), table.fields, strict=True):
        assert field.name == column.name and field.ucd == column.ucd
        assert field.description == column.description
        if column.unit:
            assert u.Unit(field.unit) == u.Unit(column.unit)
    again = SourceCatalog.read(tmp_path / "a.vot")
    for name in ("RAJ2000", "Conf_95_PosAng", "Unc_Flux_Band", "PL_Flux_Density"):
        assert np.array_equal(again.table[name], catalog.table[name], equal_nan=True)
    assert np.array_equal(again.table["ML_Flags"], catalog.table["ML_Flags"])
    assert again.table["DataRelease"].mask.all()


def test_csv_has_a_column_for_each_number(tmp_path):
    catalog = sample()
    export(catalog, "csv", tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 7 and "nan" not in "".join(lines).lower()
    flat = Table.read(tmp_path / "a.csv")
    assert np.allclose(flat["Flux_Band_3"], 1e-10) and np.allclose(
        flat["Unc_Flux_Band_3_1"], -1e-11
    )
    assert flat["RAJ2000"][0] == 83.633
    again = SourceCatalog.read(tmp_path / "a.csv")
    for name, column in COLUMNS.items():
        a, b = (np.ma.filled(c.table[name], -1) for c in (catalog, again))
        assert np.array_equal(a, b, equal_nan=column.code in "ED"), name


def test_xml_of_a_single_source(tmp_path):
    export(sample(), "xml", tmp_path / "a.xml")
    source = (
        ElementTree.parse(tmp_path / "a.xml").getroot().find("source[@name='FNN J0534.5+2200']")
    )
    pars = {p.get("name"): p for p in source.iter("parameter")}
    values = {n: float(p.get("value")) * float(p.get("scale")) for n, p in pars.items()}
    assert source.find("spectrum").get("type") == "PowerLaw"
    assert np.isclose(values["Prefactor"], 1e-12) and np.isclose(values["Index"], -2.2)
    assert values["Scale"] == 1500 and (values["RA"], values["DEC"]) == (83.633, 22.01)
    for p in pars.values():
        assert float(p.get("min")) <= float(p.get("value")) <= float(p.get("max"))
    assert {n for n, p in pars.items() if p.get("free") == "1"} == {"Prefactor", "Index"}


def test_fermipy_reads_the_xml(tmp_path):
    pytest.importorskip("fermipy")
    from fermipy.roi_model import ROIModel

    catalog = sample()
    export(catalog, "xml", tmp_path / "a.xml")
    roi = ROIModel({"galdiff": [], "isodiff": [], "catalogs": [str(tmp_path / "a.xml")]})
    assert len(roi.sources) == 6
    for row, where, model in zip(catalog, catalog.positions, catalog.to_models(), strict=True):
        source = roi.get_source_by_name(row["Source_Name"])
        assert source.skydir.separation(where).arcsec < 0.05
        assert source["SpectrumType"].startswith(row["SpectrumType"])
        amplitude = model.spectral_model.amplitude.quantity.to_value("cm-2 s-1 MeV-1")
        norm = source.params.get("Prefactor") or source.params["norm"]
        assert np.isclose(norm["value"], amplitude, rtol=1e-5)
    cutoff = roi.get_source_by_name("FNN J0800.0+8930")
    assert cutoff["SpectrumType"] == "PLSuperExpCutoff4"
    assert np.isclose(cutoff.params["IndexS"]["value"], -2.1)
    assert np.isclose(cutoff.params["ExpfactorS"]["value"], 0.5)


def test_gammapy_reads_the_models(tmp_path):
    from gammapy.modeling.models import Models

    catalog = sample()
    export(catalog, "gammapy", tmp_path / "a.yaml")
    models = Models.read(tmp_path / "a.yaml")
    assert models.names == list(catalog.table["Source_Name"])
    energy = [0.5, 5, 50] * u.GeV
    for mine, theirs, where in zip(catalog.to_models(), models, catalog.positions, strict=True):
        assert u.allclose(mine.spectral_model(energy), theirs.spectral_model(energy), rtol=1e-5)
        assert theirs.spatial_model.position.separation(where).arcsec < 0.01


def test_position_errors_in_gammapy_follow_the_ellipse():
    (model,) = needle(dec=60.0, angle=90.0).to_models()  # long in right ascension
    assert np.isclose(model.spatial_model.lat_0.error, 0.05 / 2.4477, rtol=1e-3)
    assert np.isclose(model.spatial_model.lon_0.error, 1.0 / 2.4477 / 0.5, rtol=1e-3)


def test_source_without_spectrum_starts_at_a_faint_flux(caplog):
    model = sample().to_models()["FNN J1325.4-4301"]
    flux = model.spectral_model.integral(1 * u.GeV, 1000 * u.TeV)
    assert np.isclose(flux.to_value("cm-2 s-1"), 1e-10, rtol=1e-3)
    assert "no spectrum known" in caplog.text


def test_sources_whose_extent_is_unknown_are_left_out_of_models(caplog):
    catalog = sample(Extended_Source_Name=["Crab Nebula"] + [""] * 5)
    assert "FNN J0534.5+2200" not in catalog.to_models().names
    assert "extended, with a shape that is unknown or an image, left out" in caplog.text


@pytest.mark.parametrize("form", ENDINGS)
def test_empty_catalog_through_every_export(form, tmp_path):
    SourceCatalog().write(tmp_path / "empty.fits")
    run = CliRunner().invoke(main, ["export", str(tmp_path / "empty.fits"), "--to", form])
    assert run.exit_code == 0 and "0 sources" in run.output
    path = tmp_path / f"empty{ENDINGS[form]}"
    if form == "ds9":
        assert len(Regions.read(path, format="ds9")) == 0
    elif form == "xml":
        assert len(ElementTree.parse(path).getroot()) == 0
    elif form == "gammapy":
        from gammapy.modeling.models import Models

        assert len(Models.read(path)) == 0
    else:
        assert SourceCatalog.read(path).table.colnames == list(COLUMNS)


def test_command(tmp_path):
    sample().write(tmp_path / "ml.fits")
    catalog, out = str(tmp_path / "ml.fits"), tmp_path / "out.reg"
    run = CliRunner().invoke(
        main, ["export", catalog, "--to", "ds9", "-o", str(out), "--colour", "match"]
    )
    assert run.exit_code == 0 and run.output == f"{out}: 6 sources\n"
    assert "color=yellow" in out.read_text()
    for arguments, message in (
        ([catalog, "--to", "ds9", "-o", str(out)], "exists already; use --overwrite"),
        ([str(tmp_path / "none.fits"), "--to", "csv"], "none.fits: no such file"),
        ([str(out), "--to", "csv"], "out.reg: is neither FITS, VOTable nor ECSV"),
    ):
        run = CliRunner().invoke(main, ["export", *arguments])
        assert run.exit_code == 2 and message in run.output and run.output.count("\n") == 1
    run = CliRunner().invoke(
        main, ["export", catalog, "--to", "ds9", "-o", str(out), "--overwrite"]
    )
    assert run.exit_code == 0


# --- untrusted text ------------------------------------------------------------------------

HOSTILE = [
    "A\ncircle(1,2,3)", "B\x00\x08\x1b[31m", "=cmd|' /C calc'!A0", "@SUM(1)", "{C} <&>\t", "+1,2",
]  # fmt: skip


@pytest.mark.parametrize("form", ENDINGS)
def test_names_from_anywhere_do_not_become_anything_else(form, tmp_path):
    """No region, formula or tag of their own; and what we write can be read."""
    catalog = sample(Source_Name=HOSTILE, CLASS1=["-1+1", "", "a\rb", "", "", ""])
    path = tmp_path / f"a{ENDINGS[form]}"
    export(catalog, form, path)
    content = path.read_text()
    assert not [letter for letter in content if ord(letter) < 32 and letter != "\n"]
    if form == "ds9":
        regions = Regions.read(path, format="ds9")
        assert len(regions) == 6 and content.count("\n") == 8
        assert regions[0].meta["text"].startswith("A circle(1,2,3)")
    elif form in ("csv", "votable"):
        again = SourceCatalog.read(path).table
        for name in ("Source_Name", "CLASS1"):
            assert list(again[name]) == list(catalog.table[name])
    elif form == "xml":
        names = [source.get("name") for source in ElementTree.parse(path).getroot()]
        assert names == list(catalog.table["Source_Name"])
    if form == "csv":
        cells = [cell for line in csv.reader(content.splitlines()) for cell in line]
        text = [cell for cell in cells if not is_number(cell)]
        assert not [cell for cell in text if cell.startswith(("=", "+", "-", "@"))]


def is_number(text):
    try:
        return bool(float(text)) or True
    except ValueError:
        return False


# --- what astropy and regions write row by row, 100,000 of which take minutes -----------------


@pytest.fixture(scope="module")
def hundred():
    """100 rows with numbers of all sizes, some unknown, and columns that only a user has."""
    random, n = np.random.default_rng(3), 100
    data = {name: 10 ** random.uniform(-14, 3, (n, *column.shape))
            for name, column in COLUMNS.items() if column.code in "ED"}  # fmt: skip
    data |= {"RAJ2000": random.uniform(0, 360, n), "DEJ2000": random.uniform(-90, 90, n)}
    data |= {name: random.uniform(0.01, 1, n) for name in data if "_Semi" in name}
    for name, values in data.items():
        if name not in ("RAJ2000", "DEJ2000"):
            values[random.uniform(size=values.shape) < 0.2] = np.nan
    data |= {"CLASS1": random.choice(["", "bll", "PSR", 'a "b", c'], n)}
    data |= {"ML_Prob": np.full(n, 0.9), "ML_Prob_AGN": np.full(n, 0.4)}
    data |= {"ML_Prob_PSR": np.full(n, 0.5)}
    data |= {"mine": random.normal(size=(n, 2)), "number": np.arange(n), "yes": np.arange(n) > 50}
    return SourceCatalog.from_table(data)


def test_csv_is_what_astropy_writes(hundred):
    flat = Table()
    for name in hundred.table.colnames:
        values = hundred.table[name]
        cells = np.ma.asarray(values).reshape(len(values), -1)
        for number, cell_name in enumerate(cell_names(name, values.shape[1:])):
            cell = cells[:, number]
            mask = np.ma.getmaskarray(cell)
            if cell.dtype.kind == "f":
                mask = mask | np.isnan(cell.filled(0))
                cell = decimal(cell.filled(0)) if cell.dtype == "f4" else cell
            flat[cell_name] = MaskedColumn(cell, mask=mask)
    stream = io.StringIO()
    flat.write(stream, format="ascii.csv")
    assert to_csv(hundred.table) == stream.getvalue().replace("\r\n", "\n")


def test_ds9_is_what_regions_writes(hundred):
    ours = Regions.parse(to_ds9(hundred.table, "class", hundred.outlines()), format="ds9")
    text = hundred.to_regions().serialize(format="ds9", precision=6)
    for mine, theirs in zip(ours, Regions.parse(text, format="ds9"), strict=True):
        assert repr(mine) == repr(theirs)
        assert (mine.meta["text"], mine.visual) == (theirs.meta["text"], theirs.visual)


def test_votable_holds_the_table(hundred):
    stream = io.BytesIO(to_votable(hundred.table).encode())
    table = parse(stream).get_first_table().to_table()
    assert table.colnames == hundred.table.colnames
    for name in table.colnames:
        a, b = (np.ma.asarray(each[name]) for each in (table, hundred.table))
        if b.dtype.kind in "US":
            assert list(a.filled("")) == list(b), name
        else:
            a, b = (each.astype(float).filled(np.nan) for each in (a, b))
            assert np.array_equal(a.astype("f4"), b.astype("f4"), equal_nan=True), name


# --- the real ds9 --------------------------------------------------------------------------

needs_ds9 = pytest.mark.skipif(
    not (shutil.which("ds9") and shutil.which("Xvfb")), reason="ds9 or Xvfb is not installed"
)


@pytest.fixture(scope="module")
def display():
    """A screen of its own, whose number the X server chooses."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "900x700x24"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


def ds9_in_pixels(image, regions, folder, display):
    """The regions as ds9 sees them on an image: x, y, two axes and an angle, in pixels."""
    saved = folder / "saved.reg"
    commands = ["-regions", "system", "image", "-regions", "save", saved]
    environment = {**os.environ, "DISPLAY": display, "HOME": str(folder)}
    with subprocess.Popen(
        ["ds9", "-xpa", "local", image, "-region", regions, *commands],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as ds9:
        for _ in range(150):
            time.sleep(0.1)
            if saved.exists() and saved.stat().st_size:
                time.sleep(0.3)
                break
        ds9.terminate()
    lines = [x for x in saved.read_text().splitlines() if x.startswith("ellipse(")]
    return np.array([[float(v) for v in x[8 : x.index(")")].split(",")] for x in lines])


@needs_ds9
@pytest.mark.parametrize("frame, rotation", [("fk5", 0.0), ("galactic", 0.0), ("fk5", 70.0)])
def test_ds9_draws_the_ellipse_where_it_belongs(frame, rotation, tmp_path, display):
    center = SkyCoord(0.2, -40.0, unit="deg", frame=FK5)
    wcs = view(center, frame, rotation)
    catalog = needle(359.9, -40.1, 30.0).merge(needle(0.6, -39.9, -75.0), radius=0.01)
    fits.PrimaryHDU(np.zeros((400, 400), "f4"), wcs.to_header()).writeto(tmp_path / "map.fits")
    export(catalog, "ds9", tmp_path / "a.reg")
    found = ds9_in_pixels(tmp_path / "map.fits", tmp_path / "a.reg", tmp_path, display)
    assert found.shape == (2, 5)
    for row, where, ellipse in zip(catalog, catalog.positions, found, strict=True):
        x, y = wcs.world_to_pixel(where)
        tip = where.directional_offset_by(row["Conf_95_PosAng"] * u.deg, 0.9 * u.deg)
        dx, dy = np.subtract(wcs.world_to_pixel(tip), (x, y))
        assert np.allclose(ellipse[:2], (x + 1, y + 1), atol=0.02)
        assert np.allclose(ellipse[2:4], (100, 5), rtol=0.01)
        turn = np.radians(ellipse[4]) - np.arctan2(dy, dx)
        assert abs(np.degrees(np.arcsin(np.sin(turn)))) < 1.0
