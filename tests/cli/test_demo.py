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
    folder, _ = demonstration
    truth = SourceCatalog.read(folder / "sky" / "truth.fits").sort("TS_Asimov", reverse=True)
    found = SourceCatalog.read(folder / "ml.fits")
    assert found.positions.separation(truth.positions[0]).deg.min() < 0.1
    table = SourceCatalog.read(folder / "compare.fits").table
    assert max(table["TS"]) == pytest.approx(truth.table["TS_Asimov"][0], rel=0.4)


def test_the_demo_tells_how_much_of_each_list_is_real(demonstration):
    folder, output = demonstration
    for words, name in (("network", "ml.fits"), ("TS maps", "traditional.fits")):
        line = next(line for line in output.splitlines() if line.startswith(words))
        number, real, spurious, _ = map(int, line.removeprefix(words).split())
        assert number == real + spurious == len(SourceCatalog.read(folder / name))
    assert "spurious sources have TS > 25; with the true diffuse model" in " ".join(output.split())
    assert max(len(line) for line in output.split("\n\n")[0].splitlines()) < 80


def test_the_demo_does_not_replace_another(demonstration):
    folder, _ = demonstration
    result = CliRunner().invoke(main, ["demo", "-o", str(folder)])
    assert result.exit_code == 2
    assert "exists" in result.output
