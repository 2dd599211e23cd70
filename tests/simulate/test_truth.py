"""Truth tables."""

from makers.catalogs import sample

from fermiml import SourceCatalog


def test_the_former_name_of_the_asimov_ts_is_read(tmp_path):
    table = sample().table
    table["TS_Oracle"] = range(len(table))
    table.write(tmp_path / "truth.fits")
    read = SourceCatalog.read(tmp_path / "truth.fits").table
    assert list(read["TS_Asimov"]) == list(range(len(table))) and "TS_Oracle" not in read.colnames
