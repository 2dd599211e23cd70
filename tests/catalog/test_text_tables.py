"""Tables of text give the same catalog as FITS, zipped or not."""

import numpy as np
import pytest
from makers import latfiles as lat
from makers.catalogs import sample

from fermiml import SourceCatalog
from fermiml.catalog.export import export
from fermiml.errors import InputError


@pytest.mark.parametrize("form", ["csv", "votable"])
def test_what_was_exported_is_read_again(form, tmp_path):
    path = tmp_path / f"ml.{'csv' if form == 'csv' else 'vot'}"
    export(sample(), form, path)
    for file in (path, lat.zipped(path)):
        table = SourceCatalog.read(file).table
        assert list(table["Source_Name"]) == list(sample().table["Source_Name"])
        np.testing.assert_allclose(table["Flux_Band"], sample().table["Flux_Band"])


def test_ecsv_needs_no_ending(tmp_path):
    path = tmp_path / "table.txt"
    sample().table["Source_Name", "RAJ2000", "DEJ2000"].write(path, format="ascii.ecsv")
    assert len(SourceCatalog.read(path)) == len(sample())


def test_xml_that_is_no_votable_is_named(tmp_path):
    export(sample(), "xml", tmp_path / "sources.xml")
    with pytest.raises(InputError, match=r"no VOTable \(its first element is source_li"):
        SourceCatalog.read(tmp_path / "sources.xml")
