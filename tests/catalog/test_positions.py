"""Names follow the IAU rule, and coordinates are those of the sky."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import FK5, SkyCoord
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.catalogs import DEC, RA

from fermiml import SourceCatalog
from fermiml.catalog.positions import decimal, source_names


@pytest.mark.parametrize(
    "ra, dec, name",
    [
        (83.6333, 22.0133, "FNN J0534.5+2200"),
        (0.0, 0.0, "FNN J0000.0+0000"),
        (359.99996, -0.00004, "FNN J0000.0+0000"),  # printed as 0.0000 and 0.0000
        (359.9999, -0.0001, "FNN J2359.9-0000"),
        (0.7, 0.0, "FNN J0002.8+0000"),  # 2.8 minutes, though 0.7 / 0.025 < 28 in floating point
        (0.0249, 0.0166, "FNN J0000.0+0000"),  # truncated, not rounded
        (0.025, 0.0167, "FNN J0000.1+0001"),
        (187.5, -89.9999, "FNN J1230.0-8959"),
        (187.5, 90.0, "FNN J1230.0+9000"),
        (266.4168, -29.0078, "FNN J1745.6-2900"),
    ],
)
def test_names_are_truncated(ra, dec, name):
    assert source_names([ra], [dec]) == [name]
    assert SourceCatalog.from_table({"RAJ2000": [ra], "DEJ2000": [dec]})[0]["Source_Name"] == name


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 3_599_999), st.integers(-900_000, 900_000))
def test_a_name_is_the_cell_that_holds_the_printed_position(ra, dec):
    (name,) = source_names([ra / 1e4], [dec / 1e4])
    minutes = int(name[5:7]) * 60 + float(name[7:11])
    arcmin = int(name[12:14]) * 60 + int(name[14:16])
    assert 0 <= ra / 1e4 * 4 - minutes < 0.1 + 1e-9
    assert 0 <= abs(dec) / 1e4 * 60 - arcmin < 1 + 1e-9
    assert (name[11] == "-") == (dec < 0)


def test_sources_in_one_cell_get_letters():
    assert source_names([10.0, 10.001, 20.0], [5.0, 5.001, 5.0])[:2] == [
        "FNN J0040.0+0500A",
        "FNN J0040.0+0500B",
    ]


def test_names_agree_with_those_of_fl16y():
    fermipy = pytest.importorskip("fermipy")
    catalog = SourceCatalog.read(f"{fermipy.PACKAGE_DATA}/catalogs/gll_psc_v41.fit")
    ours = source_names(catalog.table["RAJ2000"], catalog.table["DEJ2000"], prefix="FL16Y")
    same = [
        theirs[:18] == mine[:18]
        for theirs, mine in zip(catalog.table["Source_Name"], ours, strict=True)
    ]
    # The rest are positions on the edge of a cell, rounded in the file, and letters of ours.
    assert np.mean(same) > 0.995


@pytest.mark.parametrize("ra", [359.999999, 360.0, -0.000001, 720.0])
def test_right_ascension_stays_below_360(ra):
    row = SourceCatalog.from_table({"RAJ2000": [ra], "DEJ2000": [0.0]})[0]
    assert 0 <= row["RAJ2000"] < 360 and row["Source_Name"] == "FNN J0000.0+0000"


@pytest.mark.parametrize(
    "ra, dec", [*zip(RA, DEC, strict=True), (192.8595, 27.1283), (10.0, -90.0)]
)
def test_coordinates_to_the_last_digit(ra, dec):
    fk5 = SkyCoord(ra, dec, unit="deg", frame=FK5)
    tables = [
        {"RAJ2000": [ra], "DEJ2000": [dec]},
        {"ra": [ra], "dec": [dec]},
        {"glon": [fk5.galactic.l.deg], "glat": [fk5.galactic.b.deg]},
        {"RA_ICRS": [fk5.icrs.ra.deg], "DE_ICRS": [fk5.icrs.dec.deg]},
        {"where": SkyCoord([fk5.galactic])},
        QTable({"RAJ2000": [ra] * u.deg, "DEJ2000": [dec] * u.deg}),
        {"RAJ2000": [ra / 15] * u.hourangle, "DEJ2000": [dec * 60] * u.arcmin},
    ]
    for table in tables:
        row = SourceCatalog.from_table(table)[0]
        # F8.4: four decimals, of the position on the sphere
        here = SkyCoord(row["RAJ2000"], row["DEJ2000"], unit="deg", frame=FK5)
        assert here.separation(fk5).deg < 5e-5
        gal = SkyCoord(row["GLON"], row["GLAT"], unit="deg", frame="galactic")
        assert gal.separation(fk5.galactic).deg < 5e-5


def test_decimals_of_many_are_those_of_text():
    """Any number of single precision, short decimals, the smallest and largest, halves between."""
    random = np.random.default_rng(1)
    anything = random.integers(0, 2**32, 50000, dtype="u4").view("f4")
    values = np.concatenate([
        anything[~np.isnan(anything)], np.round(random.uniform(0, 360, 9000), 3),
        10 ** random.uniform(-16, 3, 9000), np.arange(4000) / 1024,
        [0, -0.0, np.inf, 1e-45, 3.4e38],
    ]).astype("f4")  # fmt: skip
    assert np.array_equal(decimal(values), values.astype("U").astype(float))
    assert np.isnan(decimal(np.full(2000, np.nan))).all()
