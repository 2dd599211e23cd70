"""`fermiml transients` on an FT1 file."""

import pytest
from click.testing import CliRunner
from makers import flaringskies, orbit, smallskies

from fermiml import SourceCatalog
from fermiml.cli.main import main


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    path = tmp_path_factory.mktemp("flaring") / "events.fits"
    flaringskies.write(path, 3, smallskies.power_laws(100.7, 45.6, 4e-8))
    return path


def _run(*arguments):
    return CliRunner().invoke(main, ["transients", *map(str, arguments)])


def test_catalog_and_figure(events, tmp_path):
    output = tmp_path / "found.fits"
    result = _run(events, "-o", output, "--shortest", "4d", "--longest", "16d")
    assert result.exit_code == 0, result.output
    assert "1 transient (" in result.output
    assert output.with_suffix(".png").is_file()
    assert not output.with_suffix(".parts").exists()
    catalog = SourceCatalog.read(output)
    assert len(catalog) == 1
    assert catalog.table["ML_Duration"].unit == "s"


def test_known_sources_are_named(events, tmp_path):
    known, output = tmp_path / "known.fits", tmp_path / "found.fits"
    SourceCatalog.from_table(
        {"GLON": [100.7], "GLAT": [45.6], "Conf_95_SemiMajor": [0.02], "Conf_95_SemiMinor": [0.02],
         "Conf_95_PosAng": [0.0], "Source_Name": ["4FGL J0000.0+0000"]}
    ).write(known)  # fmt: skip
    result = _run(events, "-o", output, "--shortest", "8d", "--longest", "8d", "--catalog", known)
    assert "1 of known sources" in result.output
    assert SourceCatalog.read(output).table["ASSOC_4FGL"][0] == "4FGL J0000.0+0000"


def test_a_spacecraft_file_that_ends_too_early(events, tmp_path):
    scfile = tmp_path / "ft2.fits"
    orbit.write_ft2(scfile, orbit.pointings(2, step=600))
    result = _run(events, "-o", tmp_path / "found.fits", "--scfile", scfile)
    assert result.exit_code == 2
    assert "the good time of the data" in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shortest", "soon"), "no length of time such as 12h"),
        (("--false-alarms", "-1"), "false_alarms: -1.0 is not a number above 0"),
        (("--width", "80"), "too wide"),
        (("--binsz", "0.5"), "too large"),
    ],
)
def test_bad_input_is_one_line(events, tmp_path, options, words):
    result = _run(events, "-o", tmp_path / "found.fits", *options)
    assert result.exit_code == 2
    assert words in result.output.splitlines()[-1]
    assert not (tmp_path / "found.fits").exists()


def test_counts_have_no_times(tmp_path):
    from makers import latfiles

    latfiles.write_ccube(tmp_path / "ccube.fits")
    result = _run(tmp_path / "ccube.fits", "-o", tmp_path / "found.fits")
    assert result.exit_code == 2
    assert "is not an FT1 file" in result.output
