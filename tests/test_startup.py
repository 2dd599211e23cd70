"""Commands import what they use, and nothing that takes longer than their work."""

import subprocess
import sys

import pytest
from makers import latfiles as lat

# Importing TensorFlow and tracing a network takes longer than the search of a field.
SLOW = {"tensorflow", "keras", "sklearn", "dask", "distributed", "iminuit", "healpy"}
GAMMAPY = {f"gammapy.{name}" for name in ("datasets", "estimators", "irf", "modeling")}


def imported(*arguments):
    """Names of all modules that are loaded when a command has done its work."""
    code = (
        "import sys\n"
        "from fermiml.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print('loaded:', *sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    path = tmp_path_factory.mktemp("startup") / "ccube.fits"
    lat.write_ccube(path)
    return path


@pytest.mark.parametrize("arguments", [["--help"], ["detect", "--help"]])
def test_help_needs_no_arrays(arguments):
    assert not imported(*arguments) & {"numpy", "astropy", "importlib.metadata"}


def test_info_imports_maps_and_nothing_for_fits(counts):
    assert not imported("info", counts) & (SLOW | GAMMAPY)


def test_detection_imports_no_framework(counts, tmp_path):
    arguments = ["detect", counts, "--known", "none", "-o", tmp_path / "ml.fits"]
    assert not imported(*arguments) & (SLOW | GAMMAPY)
