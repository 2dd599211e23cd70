"""Building a catalog: what is derived, selected and merged, and bad input."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from makers.catalogs import sample

from fermiml import InputError, SourceCatalog
from fermiml.catalog import derive
from fermiml.catalog.columns import COLUMNS
from fermiml.catalog.flags import MLFlag


@pytest.mark.parametrize("make", [SourceCatalog, lambda: sample().filter(np.zeros(6, bool))])
def test_empty_catalog_has_every_column_and_method(make):
    empty = make()
    assert len(empty) == 0 and list(empty) == [] and "0 sources" in repr(empty)
    assert empty.table.colnames == list(COLUMNS)
    assert len(empty.to_models()) == 0 and len(empty.to_regions()) == 0
    assert len(empty.sort("Signif_Avg")) == len(empty.filter(np.zeros(0, bool))) == 0
    assert len(empty.merge(sample())) == 6 and len(sample().merge(empty)) == 6
    assert len(empty.crossmatch(sample(), radius=1)) == 0
    assert len(empty.crossmatch(sample())) == len(sample().crossmatch(empty)) == 0
    assert len(empty.associate(sample())) == 0
    assert set(sample().associate(empty).table["ASSOC_FGL"]) == {""}


def test_unknown_is_nan_or_blank_never_zero():
    table = SourceCatalog.from_table({"RAJ2000": [10.0], "DEJ2000": [20.0]}).table
    known = {"Source_Name", "RAJ2000", "DEJ2000", "GLON", "GLAT", "SpectrumType"}
    for name, column in COLUMNS.items():
        if name in known:
            continue
        if column.code == "A":
            assert table[name][0] == ""
        elif column.code == "I":
            assert np.ma.is_masked(table[name][0])
        else:
            assert np.all(np.isnan(table[name][0]))
    assert table["SpectrumType"][0] == "PowerLaw"  # gammapy and fermipy need one


def test_types_units_and_shapes():
    table = sample().table
    for column in COLUMNS.values():
        assert table[column.name].dtype == np.dtype(column.dtype)
        assert (table[column.name].unit or "") == u.Unit(column.unit or "")
        assert table[column.name].shape[1:] == column.shape


def test_classes_from_probabilities():
    """AGN is the sum of its kinds; the likeliest of four classes is named."""
    kinds = {"BLL": [0.3, 0.1], "FSRQ": [0.2, 0.1], "PSR": [0.3, 0.1], "SNR": [0.1, 0.6],
             "OTH": [0.0, 0.0]}  # fmt: skip
    columns = {f"ML_Prob_{name}": values for name, values in kinds.items()}
    place = {"RAJ2000": [1.0, 2.0], "DEJ2000": [0.0, 0.0], "ML_Prob": [0.9, 0.9]}
    table = SourceCatalog.from_table({**place, **columns}).table
    assert np.allclose(table["ML_Prob_AGN"], [0.5, 0.2])
    assert list(table["ML_Class"]) == ["AGN", "SNR"]


def test_derived_columns():
    table = sample().table
    assert np.allclose(table["Signif_Avg"][:5], np.sqrt([400, 30, 50, 25, 900]))
    assert list(table["ML_Class"]) == ["PSR", "AGN", "AGN", "PSR", "PSR", "FAKE"]
    assert np.allclose(table["ML_Prob"] + table["ML_Prob_FAKE"], 1)
    assert np.all(table["ML_Prob_SNR"] == 0) and np.all(np.isnan(table["ML_Prob_BLL"]))
    ratio = table["Conf_95_SemiMajor"][:5] / table["Conf_68_SemiMajor"][:5]
    assert np.allclose(ratio, 1.6215, atol=1e-4)  # that of 4FGL
    assert np.all(np.isfinite(table["Flux1000"][:5])) and np.isnan(table["Flux1000"][5])


def test_likelihood_ts_is_the_better_significance():
    table = sample(TS=[100.0, np.nan, np.nan, np.nan, np.nan, -1.0]).table
    assert np.allclose(table["Signif_Avg"], [10, np.sqrt(30), np.sqrt(50), 5, 30, 0])


def test_flux_far_below_the_data_is_not_known():
    reach = sample().table
    meta = {"EMIN": 10000.0}
    high = SourceCatalog.from_table(
        reach["RAJ2000", "DEJ2000", "Pivot_Energy", "PL_Flux_Density", "PL_Index"], meta=meta
    ).table
    assert np.all(np.isnan(high["Flux1000"])) and np.all(np.isnan(high["Energy_Flux100"]))
    assert np.isfinite(reach["Flux1000"][0]) and np.isfinite(reach["Energy_Flux100"][0])


def test_extrapolated_fluxes_are_forgotten_by_the_same_rule():
    """Data from 3 GeV tell the flux above 1 GeV, and not that above 100 MeV."""
    table = sample().table
    derive.forget_extrapolated(table, {"EMIN": 3000.0})
    assert [name for name, *_ in derive.integrals({"EMIN": 3000.0})] == ["Flux1000"]
    assert np.isfinite(table["Flux1000"][0]) and np.all(np.isnan(table["Energy_Flux100"]))
    assert np.all(np.isnan(table["Unc_Energy_Flux100"]))
    assert len(derive.integrals({})) == 2


def test_unknown_columns_stay_behind_ours():
    catalog = sample(TS_Asimov=np.arange(6.0), Inside=np.ones(6, bool))
    assert catalog.table.colnames == [*COLUMNS, "TS_Asimov", "Inside"]


def test_units_are_converted():
    columns = {
        "RAJ2000": [10.0],
        "DEJ2000": [20.0],
        "Pivot_Energy": [1.5] * u.GeV,
        "PL_Flux_Density": [1e-9] / u.cm**2 / u.GeV / u.s,
        "Flux1000": [1e-6] * u.Unit("photon m-2 s-1"),
    }
    row = SourceCatalog.from_table(columns)[0]
    assert np.allclose(
        [row["Pivot_Energy"], row["PL_Flux_Density"], row["Flux1000"]],
        [1500, 1e-12, 1e-10],
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"x": [1.0]}, "no positions: columns RAJ2000 and DEJ2000 .* expected"),
        ({"RAJ2000": [1.0], "DEJ2000": [95.0]}, "DEJ2000, row 0: 95, expected -90 to 90"),
        ({"RAJ2000": [1.0, np.nan], "DEJ2000": [5.0, 5.0]}, "RAJ2000, row 1: nan, expected a long"),
        ({"RAJ2000": ["12h"], "DEJ2000": ["5d"]}, "RAJ2000 holds text, expected numbers in deg"),
        ({"RAJ2000": [1.0] * u.s, "DEJ2000": [5.0]}, "RAJ2000 has unit 's', expected .* 'deg'"),
        (
            {"Flux1000": [1.0] * u.erg},
            "Flux1000 has unit 'erg', expected a unit like 'ph cm-2 s-1'",
        ),
        ({"PL_Index": [2.0] * u.MeV}, "PL_Index has unit 'MeV', expected no unit"),
        ({"Pivot_Energy": ["high"]}, "Pivot_Energy holds text, expected numbers in MeV"),
        ({"Flux_Band": [[1.0, 2.0]]}, "Flux_Band has 2 values per row, expected 8"),
        ({"ML_Flags": [1.5]}, "ML_Flags: whole numbers"),
        ({"ML_Flags": [70000]}, "ML_Flags: whole numbers"),
        ({"SpectrumType": ["Blackbody"]}, "SpectrumType: 'Blackbody', expected one of"),
        ({"my_column": np.array([None])}, "my_column holds objects, expected numbers or text"),
    ],
)
def test_bad_input_names_the_column_and_what_is_expected(columns, message):
    if len(columns) == 1 and "x" not in columns:
        columns = {"RAJ2000": [1.0], "DEJ2000": [5.0], **columns}
    with pytest.raises(InputError, match=message) as error:
        SourceCatalog.from_table(columns)
    assert "\n" not in str(error.value)


def test_a_name_belongs_to_one_source():
    with pytest.raises(InputError, match="Source_Name: 'A' occurs in 2 rows"):
        SourceCatalog.from_table({"Source_Name": ["A", "A"], "RA": [1.0, 2.0], "DEC": [0.0, 0.0]})


def test_masked_values_are_unknown():
    table = Table({"ra": [1.0, 2.0], "dec": [3.0, 4.0], "TS": [5.0, 6.0]}, masked=True)
    table["TS"].mask = [True, False]
    assert np.array_equal(np.isnan(SourceCatalog.from_table(table).table["TS"]), [True, False])


def test_the_given_table_is_not_changed():
    table = Table({"ra": [1.0, 2.0], "dec": [3.0, 4.0], "flag": [5, 6]})
    catalog = SourceCatalog.from_table(table)
    catalog.table["flag"][0] = 7
    assert table.colnames == ["ra", "dec", "flag"] and table["flag"][0] == 5


def test_selecting_rows():
    catalog = sample()
    assert catalog["FNN J0534.5+2200"]["ML_Class"] == "PSR"
    assert catalog[1]["Source_Name"] == "FNN J0000.0-0030"
    assert len(catalog[1:3]) == 2 and len(catalog[[0, 5]]) == 2
    assert len(catalog.filter(lambda t: t["ML_Prob"] > 0.85)) == 4
    blended = catalog.filter((catalog.table["ML_Flags"] & MLFlag.BLENDED) > 0)
    assert list(blended.table["RAJ2000"]) == [120]
    with pytest.raises(KeyError):
        catalog["no such source"]
    with pytest.raises(InputError, match="one boolean for each of 6"):
        catalog.filter([True])


def test_sorting_keeps_unknown_last():
    for reverse in (False, True):
        values = sample().sort("ML_TS", reverse=reverse).table["ML_TS"]
        assert np.isnan(values[-1])
        assert list(values[:-1]) == sorted(values[:-1], reverse=reverse)
    with pytest.raises(InputError, match="no column 'Brightness'"):
        sample().sort("Brightness")


def test_merging_leaves_out_what_is_there():
    first = sample()
    second = SourceCatalog.from_table(
        {
            "ra": [83.7, 359.95, 50.0],
            "dec": [22.0, 10.0, 0.0],
            "note": ["a", "b", "c"],
            "good": [True] * 3,
        }
    )
    merged = first.merge(second, radius=0.2)
    assert len(merged) == 7 and merged[6]["note"] == "c" and merged[0]["note"] == ""
    assert merged[0]["Source_Name"] == first[0]["Source_Name"] and not merged[0]["good"]
    assert len(first.merge(second, radius=1 * u.arcsec)) == 9
