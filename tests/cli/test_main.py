"""The command line: quick help, versions, and `fermiml info` of counts and catalogs."""

import gc
import json
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
from click.testing import CliRunner
from makers import latfiles as lat
from makers.catalogs import sample

from fermiml import SourceCatalog
from fermiml.catalog.export import export
from fermiml.cli.base import quick_imports
from fermiml.cli.main import main


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from fermiml.cli.main import main; main(['--help'], standalone_mode=False);"
        "print([m for m in ('numpy', 'astropy', 'gammapy', 'keras', 'scipy') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert "info" in output.stdout
    assert output.stdout.strip().endswith("[]")


def test_the_module_is_the_command():
    call = [sys.executable, "-m", "fermiml", "--help"]
    output = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    assert output.startswith("Usage: python -m fermiml ") and "detect" in output


def test_garbage_is_collected_again_after_imports_that_failed():
    with pytest.raises(ImportError), quick_imports():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()


def test_the_list_of_commands_describes_each_in_full():
    assert "..." not in run("--help").output.partition("Commands:")[2]


def test_version_names_what_matters():
    output = run("--version").output
    for name in ("fermiml", "numpy", "astropy", "gammapy", "healpy", "python"):
        assert name in output
    if find_spec("tensorflow"):  # from whichever distribution: tensorflow, tensorflow_cpu
        assert re.search(r"^tensorflow +\d", output, re.MULTILINE)


def test_info_at_a_glance(tmp_path):
    center = lat.CENTER.icrs
    listed = lat.cuts(evtype=48, circle=(center.ra.deg, center.dec.deg, 2.0))
    lat.write_ccube(tmp_path / "cube.fits", listed=listed)
    output = run("info", tmp_path / "cube.fits").output
    for text in (
        "gtbin counts cube", "0.5 GeV - 500 GeV, 12 bins", "SOURCE (128, P8R3)",
        "PSF2+PSF3 (48)", "0 - 90 deg", "circle of 2 deg", "2008-08-04",
        "P8R3_SOURCE_V3 PSF2+PSF3, from the header", "in masked pixels",
        "! no exposure given: estimated",
    ):  # fmt: skip
        assert text in output, text


def test_info_says_what_is_missing(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits", listed=[])
    output = run("info", tmp_path / "cube.fits").output
    for text in (
        "event class        not in the header", "no circle in the header",
        "! no event type in the header: FRONT+BACK is assumed",
        "! no IRF in the header: P8R3_SOURCE_V3 is assumed",
        "! no zenith cut in the header",
    ):  # fmt: skip
        assert text in output, text


def test_info_takes_the_response_and_event_options(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits")
    lat.write_bexpmap(tmp_path / "bexpmap.fits", 2e11)
    output = run("info", tmp_path / "cube.fits", "--exposure", tmp_path / "bexpmap.fits").output
    assert "bexpmap.fits; 2e+11 cm2 s at the centre, 1 GeV" in output
    lat.write_ft1(tmp_path / "ft1.fits")
    result = run(
        "info", tmp_path / "ft1.fits", "--center", "gal:30,45", "--width", 4, "--emin", 2000,
        "--evtype", 32, "--json",
    )  # fmt: skip
    (facts,) = json.loads(result.output)["components"]
    assert facts["energy"]["edges_mev"][0] == 2000
    assert facts["event type"]["bits"] == 32
    assert facts["observed"]["deg2"] < 17


def test_a_position_that_is_none(tmp_path):
    lat.write_ft1(tmp_path / "ft1.fits")
    result = run("info", tmp_path / "ft1.fits", "--center", "somewhere")
    assert result.exit_code == 2
    assert "write RA,DEC in deg, or gal:L,B" in result.output


def test_info_tells_of_a_catalog_what_is_in_it(tmp_path):
    meta = {"EMIN": 500.0, "EMAX": 1e6, "TSTART": 239557417.0, "TSTOP": 3e8, "SIMULATE": True}
    catalog = sample(ASSOC1=["Crab Nebula", *[""] * 5])
    catalog.table.meta.update(meta)
    catalog.write(tmp_path / "ml.fits")
    text = run("info", tmp_path / "ml.fits").output
    for part in (
        "source catalog of simulated data", "6, of which 4.9 are expected to be real",
        "spread over the sky", "0.5 GeV - 1 TeV", "2008-08-04 to 2010-07-05",
        "fermiml", "found by lat-unek", "95 % ellipses 5", "PSR 3",
        "near the edge of the data (1)", ", by Energy_Flux100:", "Crab Nebula",
    ):  # fmt: skip
        assert part in text, part
    facts = json.loads(run("info", tmp_path / "ml.fits", "--json").output)
    assert facts["simulated"] is True and facts["energy"]["mev"] == [500.0, 1e6]
    assert len(facts["brightest"]["rows"]) == 5


@pytest.mark.parametrize("ending", ["csv", "vot"])
def test_info_reads_catalogs_of_other_formats(ending, tmp_path):
    export(sample(), "votable" if ending == "vot" else ending, tmp_path / f"ml.{ending}")
    text = run("info", tmp_path / f"ml.{ending}").output
    assert "6, of which 4.9 are expected to be real" in text and "not in the file" in text


def test_info_of_a_catalog_that_lacks_most(tmp_path):
    bare = SourceCatalog.from_table({"RAJ2000": [10.0, 11.0], "DEJ2000": [1.0, 2.0]})
    bare.write(tmp_path / "bare.fits")
    text = run("info", tmp_path / "bare.fits").output
    assert "within 0.707 deg of RA 10.500, Dec 1.500" in text and "positions only" in text
    SourceCatalog().write(tmp_path / "empty.fits")
    result = run("info", tmp_path / "empty.fits")
    assert result.exit_code == 0 and "nowhere" in result.output


def test_info_of_a_catalog_takes_no_options_for_counts(tmp_path):
    sample().write(tmp_path / "ml.fits")
    result = run("info", tmp_path / "ml.fits", "--psf", "psf.fits")
    assert result.exit_code == 2 and "is a source catalog; --psf: only for counts" in result.output
