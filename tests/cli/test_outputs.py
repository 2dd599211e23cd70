"""The same rules for the outputs of all commands, and what they say about the response."""

import logging
import warnings

import numpy as np
import pytest
from astropy import log as astropy_log
from astropy.io import fits
from click.testing import CliRunner
from makers import latfiles

from fermiml import SkyCube, SourceCatalog, SourceDetector
from fermiml.cli.fermipy import libraries_in_log
from fermiml.cli.main import main
from fermiml.sky.describe import obstacles, response_lines

# Arguments, and endings that the format has and has not.
COMMANDS = {
    "detect": ("detect {counts}", ".fits", ".csv"),
    "fit": ("fit {catalog} {counts} --background {counts}", ".fits", ".xml"),
    "fit --at": ("fit {counts} --background {counts} --at gal:30,45", ".fits", ".txt"),
    "plot": ("plot {catalog} {counts}", ".png", ".fits"),
    "report": ("report {catalog} {counts}", ".html", ".pdf"),
    "export": ("export {catalog} --to csv", ".csv", ".reg"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A cube, a catalog in it, one outside."""
    folder = tmp_path_factory.mktemp("inputs")
    latfiles.write_ccube(folder / "counts.fits", latfiles.poisson((12, 60, 80)))
    inside = {"GLON": [30.0], "GLAT": [45.0], "Flux1000": [1e-9], "PL_Index": [2.0]}
    SourceCatalog.from_table(inside).write(folder / "catalog.fits")
    SourceCatalog.from_table({"GLON": [90.0], "GLAT": [0.0]}).write(folder / "outside.fits")
    return {name: folder / f"{name}.fits" for name in ("counts", "catalog", "outside")}


@pytest.fixture
def files(inputs, monkeypatch):
    """These files; and a detector that finds nothing."""

    class Blind:
        @staticmethod
        def run(_cube):
            return SourceCatalog()

    monkeypatch.setattr(SourceDetector, "from_pretrained", lambda *_, **__: Blind)
    return inputs


def run(command, files, *rest):
    arguments = command.format(**files).split()
    return CliRunner().invoke(main, [*arguments, *map(str, rest)])


@pytest.mark.parametrize("name", COMMANDS)
def test_folders_of_outputs_are_made(name, files, tmp_path):
    command, ending, _ = COMMANDS[name]
    output = tmp_path / "new" / "folder" / f"out{ending}"
    result = run(command, files, "-o", output)
    assert result.exit_code == 0, result.output
    assert output.is_file()
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    again = run(command, files, "-o", output)
    assert again.exit_code == 2 and "exists already; use --overwrite" in again.output


@pytest.mark.parametrize("name", COMMANDS)
def test_a_name_of_another_format_is_an_error(name, files, tmp_path):
    command, ending, wrong = COMMANDS[name]
    result = run(command, files, "-o", tmp_path / f"out{wrong}")
    assert result.exit_code == 2
    assert f"out{wrong}: the name must end in" in result.output and ending in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_in_the_way_of_a_folder_is_an_error(name, files, tmp_path):
    command, ending, _ = COMMANDS[name]
    (tmp_path / "file").write_text("precious")
    result = run(command, files, "-o", tmp_path / "file" / f"out{ending}")
    assert result.exit_code == 2 and "file is not a folder" in result.output


@pytest.mark.parametrize("name", ["fit", "plot", "report"])
def test_sources_that_are_all_outside_the_data_are_an_error(name, files, tmp_path):
    command, ending, _ = COMMANDS[name]
    files = {**files, "catalog": files["outside"]}
    result = run(command, files, "-o", tmp_path / f"out{ending}")
    assert result.exit_code == 2 and "none of its 1 sources is inside" in result.output
    assert not (tmp_path / f"out{ending}").exists()


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "export"])
def test_commands_say_what_they_took_and_what_they_assumed(name, files, tmp_path, caplog):
    caplog.set_level(logging.INFO, "fermiml")
    command, ending, _ = COMMANDS[name]
    run(command, files, "-o", tmp_path / f"out{ending}")
    taken, assumed = (r.message for r in caplog.records if r.name == "fermiml.cli.counts")
    assert taken.startswith("PSF: P8R3_SOURCE_V3 FRONT+BACK, ")
    assert "exposure: estimated from the good time" in taken
    assert assumed.startswith("assumed: no exposure given: estimated from 1e+08 s")


@pytest.mark.parametrize("name", ["fit", "fit --at"])
def test_the_history_of_a_file_says_so_too(name, files, tmp_path):
    run(COMMANDS[name][0], files, "-o", tmp_path / "out.fits")
    with fits.open(tmp_path / "out.fits") as hdus:
        text = " ".join(hdus[1].header["HISTORY"])
    assert "fit: PSF: P8R3_SOURCE_V3 FRONT+BACK" in text
    assert "assumed: no exposure given" in text and "background: the given expected" in text


def test_the_history_stays_with_a_catalog(files, tmp_path):
    run(COMMANDS["fit"][0], files, "-o", tmp_path / "once.fits")
    first = SourceCatalog.read(tmp_path / "once.fits")
    first.write(tmp_path / "twice.fits")
    assert SourceCatalog.read(tmp_path / "twice.fits").table.meta == first.table.meta
    assert all(len(card) <= 72 for card in first.table.meta["HISTORY"])


def _without_counts(cube):
    cube.components[0].counts.data[:] = 0


def _all_masked(cube):
    cube.components[0].mask[:] = False


@pytest.mark.parametrize(
    ("options", "spoil", "reason"),
    [
        ({}, None, None),
        ({}, _without_counts, "there are no counts above 500 MeV in the observed pixels"),
        ({}, _all_masked, "every pixel is masked"),
        ({"edges": np.array([100.0, 400.0])}, None, "100 MeV - 400 MeV is outside the bands"),
        ({"binsz": 2.0}, None, "pixels of 2 deg are too large"),
    ],
)
def test_why_nothing_can_be_found(options, spoil, reason, tmp_path):
    bins = len(options.get("edges", latfiles.EDGES)) - 1
    latfiles.write_ccube(tmp_path / "cube.fits", latfiles.poisson((bins, 60, 80)), **options)
    cube = SkyCube.read(tmp_path / "cube.fits")
    if spoil:
        spoil(cube)
    found = obstacles(cube)
    assert not found if reason is None else len(found) == 1 and found[0].startswith(reason)


def test_a_detection_without_sources_says_why(files, tmp_path):
    latfiles.write_ccube(tmp_path / "soft.fits", latfiles.poisson((1, 60, 80)),
                         edges=np.array([100.0, 400.0]))  # fmt: skip
    result = run("detect {counts}", {"counts": tmp_path / "soft.fits"}, "-o", tmp_path / "ml.fits")
    assert result.exit_code == 0
    assert "0 sources" in result.output
    assert "nothing can be found: 100 MeV - 400 MeV is outside the bands" in result.output


def test_lines_join_what_components_share(files):
    cube = SkyCube.read(files["counts"])
    twice = SkyCube([cube.components[0]] * 2, "test")
    assert response_lines(twice) == response_lines(cube)


def test_what_other_libraries_say_is_in_the_log_of_fermipy(tmp_path, capsys):
    """astropy warns about formats of columns by the dozen, and would do so twice."""
    logger = logging.getLogger("GTAnalysis")
    handler = logging.FileHandler(tmp_path / "fermipy.log")
    logger.addHandler(handler)
    shown = astropy_log.handlers[:]
    try:
        with libraries_in_log(), warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("Format %f cannot be mapped to the accepted TDISPn", stacklevel=1)
            astropy_log.warning("something else")
    finally:
        logger.removeHandler(handler)
        handler.close()
    text = (tmp_path / "fermipy.log").read_text()
    assert text.count("UserWarning: Format %f cannot be") == text.count("something else") == 1
    assert capsys.readouterr().err == ""
    assert astropy_log.handlers == shown
