"""Light curves of any number of intervals are kept in files, and joined where they can be."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.testing import assert_array_equal

from fermiml import InputError, SourceCatalog
from fermiml.catalog import histories
from fermiml.catalog.export import to_csv

EDGES = 239557417.0 + 1e7 * np.arange(6)


def with_history(ra=(10.0, 40.0), edges=EDGES):
    catalog = SourceCatalog.from_table({"RAJ2000": list(ra), "DEJ2000": [20.0] * len(ra)})
    histories.make_room(catalog.table, edges)
    numbers = np.arange(len(ra) * (len(edges) - 1)).reshape(len(ra), -1)
    catalog.table["Flux_History"][:] = numbers
    catalog.table["Unc_Flux_History"][..., 1] = numbers
    return catalog


def test_the_file_has_4fgls_layout(tmp_path):
    with_history().write(tmp_path / "lc.fits")
    with fits.open(tmp_path / "lc.fits") as hdus:
        assert_array_equal(hdus["Hist_Start"].data["Hist_Start"], EDGES)
        columns = hdus["LAT_Point_Source_Catalog"].columns
        assert columns["Flux_History"].format == "5E"
        assert columns["Unc_Flux_History"].format == "10E"
        assert columns["Unc_Flux_History"].dim == "(2,5)"


def test_reading_gives_what_was_written(tmp_path):
    before = with_history()
    before.write(tmp_path / "lc.fits")
    after = SourceCatalog.read(tmp_path / "lc.fits")
    assert after.table.meta["Hist_Start"] == list(EDGES)
    for name in ("Flux_History", "Unc_Flux_History", "Sqrt_TS_History"):
        assert_array_equal(after.table[name], before.table[name])
    (tmp_path / "lc.csv").write_text(to_csv(before.table))
    assert_array_equal(
        SourceCatalog.read(tmp_path / "lc.csv").table["Unc_Flux_History"],
        before.table["Unc_Flux_History"],
    )


def test_merging_keeps_light_curves_of_the_same_intervals_only():
    one, same, other = with_history(), with_history(ra=(80.0,)), with_history((120.0,), EDGES[:4])
    merged = one.merge(same, other).table
    assert_array_equal(merged["Flux_History"][:3, -1], [4, 9, 4])
    assert np.isnan(merged["Flux_History"][3]).all()
    none = SourceCatalog.from_table({"RAJ2000": [160.0], "DEJ2000": [20.0]})
    assert none.merge(one).table["Flux_History"].shape == (3, 14)


def test_columns_of_different_length_are_refused():
    table = Table(with_history().table)
    table["Sqrt_TS_History"] = np.zeros((2, 4))
    with pytest.raises(InputError, match="differ in their number of intervals"):
        SourceCatalog.from_table(table)
