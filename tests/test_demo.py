"""`fermiml demo`: one command shows everything; here on a smaller field."""

import pytest
from click.testing import CliRunner

from fermiml import SourceCatalog, demo
from fermiml.cli.main import main
from fermiml.simulate import config

SMALL = {
    "seed": 2,
    "sky": {"centers": [[30, 58]], "width": 6},
    "energy": {"min": 1000, "max": 1e6, "bins_per_decade": 3},
    "population": {"spectra": "parametric"},
    "wrong": {"model": "none"},
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Folder and output of a demonstration."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_settings", lambda: config.check(SMALL))
        result = CliRunner().invoke(main, ["demo", "-o", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_the_demo_writes_what_it_says(shown):
    folder, output = shown
    for name in demo.WRITTEN:
        assert (folder / name).exists(), name
        assert str(folder / name) in output


def test_the_demo_finds_the_brightest_true_source(shown):
    """It stands first in the printed table, and the fitted catalog has it with its TS."""
    folder, output = shown
    row = next(line for line in output.splitlines() if line.startswith("SIM J")).split()
    expected, offset = float(row[2]), float(row[4])
    assert row[3] == "found"
    assert offset < 0.1
    table = SourceCatalog.read(folder / "compare.fits").table
    assert max(table["TS"]) == pytest.approx(expected, rel=0.4)


def test_the_demo_does_not_replace_another(shown):
    folder, _ = shown
    result = CliRunner().invoke(main, ["demo", "-o", str(folder)])
    assert result.exit_code == 2
    assert "exists" in result.output
