"""The names of 4FGL-DR4 that come with fermiml."""

from importlib import util
from pathlib import Path

import numpy as np
import pytest

from fermiml import SourceCatalog
from fermiml.catalog import names

FILE = Path(__file__).parents[2] / "data" / f"{names.RELEASE}.fits.gz"


def test_the_list_is_complete_and_small():
    known = names.known_names()
    assert len(known) == 7195 and len(np.unique(known.table["Source_Name"])) == 7195
    assert np.sum(known.extensions() > 0) == 82
    assert np.isfinite(known.ellipses()[0]).mean() > 0.98
    assert FILE.stat().st_size <= 250_000


def test_its_names_and_classes_are_associated():
    found = SourceCatalog.from_table({
        "RAJ2000": [83.633, 94.3, 10.0], "DEJ2000": [22.015, 22.6, 10.0],
        "Conf_95_SemiMajor": [0.03] * 3, "Conf_95_SemiMinor": [0.03] * 3,
        "Conf_95_PosAng": [0.0] * 3,
    })  # fmt: skip
    table = found.associate(names.known_names()).table
    assert [name[:17] for name in table["ASSOC_4FGL"]] == [
        "4FGL J0534.5+2201", "4FGL J0617.2+2234", ""]  # fmt: skip
    assert list(table["ASSOC1"]) == ["Crab Nebula", "IC 443", ""]


def test_the_file_is_made_of_the_release_that_fermipy_ships(tmp_path):
    found = util.find_spec("fermipy")
    release = found and Path(found.origin).parent / "data" / "catalogs" / "gll_psc_v35.fit"
    if not release or not release.is_file():
        pytest.skip("needs fermipy")
    names.write(release, tmp_path / "names.fits.gz")
    # Compressors differ between releases of zlib; what is compressed does not.
    made, shipped = (SourceCatalog.read(p) for p in (tmp_path / "names.fits.gz", FILE))
    assert made.table.pformat() == shipped.table.pformat()
    assert np.all(made.extensions() == shipped.extensions())
