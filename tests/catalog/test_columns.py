"""The columns are those of 4FGL-DR4 and our own, and documented."""

from pathlib import Path

import pytest

from fermiml.catalog.columns import COLUMNS
from fermiml.catalog.flags import FLAG_MEANING

DR4 = list(COLUMNS)[:79]


def test_columns_are_those_of_4fgl_dr4_then_ours():
    assert DR4[0] == "Source_Name" and DR4[-1] == "Flags"
    assert list(COLUMNS)[79:] == [
        *("ML_Prob", "ML_Prob_AGN", "ML_Prob_PSR", "ML_Prob_SNR", "ML_Prob_OTH"),
        *("ML_Prob_BLL", "ML_Prob_FSRQ", "ML_Prob_FAKE", "ML_Class", "ML_TS"),
        *("ML_Flux_Band", "Unc_ML_Flux_Band", "ML_Flux_Low", "Unc_ML_Flux_Low"),
        *("ML_Model", "ML_Localizer", "ML_Flags"),
        *("ML_Ext_Size", "ML_Prob_Blend", "TS", "TS_Engine"),
    ]
    assert all(0 < len(c.description) <= 68 for c in COLUMNS.values())
    assert [f.value for f in FLAG_MEANING] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]


def test_columns_match_the_file_of_4fgl_dr4():
    fermipy = pytest.importorskip("fermipy")
    from astropy.io import fits

    path = f"{fermipy.PACKAGE_DATA}/catalogs/gll_psc_v35.fit"
    theirs = fits.getheader(path, 1)
    for number, name in enumerate(DR4, start=1):
        column = COLUMNS[name]
        ours = (name, column.format, column.unit, column.disp)
        keys = (f"TTYPE{number}", f"TFORM{number}", f"TUNIT{number}", f"TDISP{number}")
        assert ours == tuple(theirs.get(key, "") for key in keys)


def test_the_documentation_knows_every_column_and_flag():
    text = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text()
    assert [name for name in COLUMNS if f"`{name}`" not in text] == []
    for flag, meaning in FLAG_MEANING.items():
        assert f"| {flag.value} | {meaning} |" in text
