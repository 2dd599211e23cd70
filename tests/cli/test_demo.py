"""`fermiml demo`: one command shows everything; here on a smaller field."""

import pytest
from click.testing import CliRunner

from fermiml import SourceCatalog, demo
from fermiml.cli.main import main

pytestmark = pytest.mark.slow


def test_the_demo_writes_what_it_says(demonstration):
    folder, output = demonstration
    for name in demo.WRITTEN:
        assert (folder / name).exists(), name
        assert str(folder / name) in output


def test_the_demo_finds_the_brightest_true_source(demonstration):
    """It stands first in the printed table, and the fitted catalog has it with its TS."""
    folder, output = demonstration
    row = next(line for line in output.splitlines() if line.startswith("SIM J")).split()
    expected, offset = float(row[2]), float(row[4])
    assert row[3] == "found"
    assert offset < 0.1
    table = SourceCatalog.read(folder / "compare.fits").table
    assert max(table["TS"]) == pytest.approx(expected, rel=0.4)


def test_the_demo_does_not_replace_another(demonstration):
    folder, _ = demonstration
    result = CliRunner().invoke(main, ["demo", "-o", str(folder)])
    assert result.exit_code == 2
    assert "exists" in result.output
