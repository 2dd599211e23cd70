"""The installed tables follow from CALDB."""

import pytest
from numpy.testing import assert_allclose

from fermiml import InputError
from fermiml.response import installed
from fermiml.response.installed import load_response


@pytest.mark.latdata
def test_tables_follow_from_caldb(latdata, monkeypatch):
    """The installed tables are what the command derives; $CALDB gives any other IRF."""
    from fermiml.response.caldb import read_caldb

    ours = load_response("P8R3_CLEAN_V3", 32)
    (derived,) = read_caldb(latdata / "caldb", "P8R3_CLEAN_V3", ("PSF3",))
    for key in ("aeff", "edisp"):
        assert_allclose(getattr(ours, key), getattr(derived, key), rtol=1e-5, atol=1e-6)
    assert_allclose(ours.psf.values, derived.psf.values, rtol=1e-5, atol=1e-12)
    monkeypatch.setattr(installed, "installed_irfs", list)
    monkeypatch.setenv("CALDB", str(latdata / "caldb"))
    from_caldb = load_response("P8R3_CLEAN_V3", 32)
    assert_allclose(from_caldb.aeff, derived.aeff)
    with pytest.raises(InputError, match="contains no aeff_P8R3_NOTHING_V1_PSF"):
        load_response("P8R3_NOTHING_V1", 32)
