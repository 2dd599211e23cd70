"""What happens when the system fails: full disks, missing parts, Ctrl-C, terminals in ASCII."""

import importlib
import os
import resource
import signal
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from makers import latfiles as lat
from makers.catalogs import sample

from fermiml import SkyCube, SourceCatalog
from fermiml.cli.base import Command
from fermiml.cli.main import main
from fermiml.errors import InputError
from fermiml.plot import style
from fermiml.response import installed


@contextmanager
def full_disk(size):
    """No file may grow beyond a size: writing more is an OSError, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def command(error):
    """A command that ends with an error."""

    @click.command(cls=Command)
    def fail():
        raise error

    return CliRunner().invoke(fail, [])


@pytest.mark.parametrize("what", ["catalog", "figure"])
def test_a_full_disk_is_one_line_and_leaves_the_old_output(what, tmp_path):
    path = tmp_path / ("ml.fits" if what == "catalog" else "ml.png")
    path.write_bytes(b"old")
    figure = style.new_figure(4, 4)
    figure.add_subplot().plot([0, 1])
    with (
        full_disk(4000),
        pytest.raises(InputError, match=f"{path}: cannot be written .File too large"),
    ):
        if what == "catalog":
            sample().write(path, overwrite=True)
        else:
            style.save(figure, path, overwrite=True)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [path.name]


SIMULATE = Path(__file__).parents[1] / "config" / "simulate-demo.yaml"
COMMANDS = {
    "export": ["export", "{demo}/ml.fits", "--to", "csv", "-o", "{out}", "--overwrite"],
    "plot": ["plot", "{demo}/ml.fits", "{demo}/sky/counts.fits", "-o", "{out}", "--overwrite"],
    "report": ["report", "{demo}/ml.fits", "{demo}/sky/counts.fits", "-o", "{out}", "--overwrite"],
    "detect": ["detect", "{demo}/sky/counts.fits", "-o", "{out}", "--overwrite"],
    "fit": ["fit", "{demo}/ml.fits", "{demo}/sky/counts.fits", "-o", "{out}", "--overwrite"],
    "simulate": ["simulate", str(SIMULATE), "-o", "{out}.d"],
    "inject": ["inject", "{demo}/sky/counts.fits", "--rounds", "1", "-o", "{out}.d"],
    "compare": ["compare", "{demo}/sky/counts.fits", "-o", "{out}.d"],
}
ENDINGS = {"export": ".csv", "plot": ".png", "report": ".html"}
SLOW = ("fit", "inject", "compare", "report", "simulate")


@contextmanager
def read_only(folder):
    """Nothing new may be made in a folder; that holds for root, too."""
    make, opened = os.mkdir, os.open

    def refuse(path, *rest, **options):
        if Path(os.fsdecode(path)).is_relative_to(folder):
            raise PermissionError(13, "Permission denied", os.fsdecode(path))
        return make(path, *rest, **options)

    def refuse_new(path, flags, *rest, **options):
        if flags & os.O_CREAT and Path(os.fsdecode(path)).is_relative_to(folder):
            raise PermissionError(13, "Permission denied", os.fsdecode(path))
        return opened(path, flags, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "mkdir", refuse)
        patch.setattr(os, "open", refuse_new)
        yield


# numpy's archives cannot be closed on a full disk, and say so when they are collected
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("fault", ["full disk", "read-only folder"])
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in COMMANDS]
)
def test_every_command_on_a_faulty_disk(name, fault, demonstration, tmp_path):
    """One line at the end, exit code 2, and what was there before is untouched."""
    out = tmp_path / f"out{ENDINGS.get(name, '.fits')}"
    out.write_bytes(b"old")
    arguments = [part.format(demo=demonstration[0], out=out) for part in COMMANDS[name]]
    with full_disk(2000) if fault == "full disk" else read_only(tmp_path):
        result = CliRunner().invoke(main, [*arguments, "-q"])
    assert result.exit_code == 2
    last = result.output.splitlines()[-1]
    assert last.startswith(f"fermiml: error: {tmp_path}") and "Traceback" not in result.output
    assert ("File too large" if fault == "full disk" else "Permission denied") in last
    assert out.read_bytes() == b"old"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".fermiml")]


def test_errors_of_the_system_are_one_line():
    result = command(OSError(28, "No space left on device", "cache/a.json"))
    assert result.exit_code == 2
    assert result.output == "fermiml: error: cache/a.json: No space left on device\n"


def test_folders_that_cannot_be_made(tmp_path, monkeypatch):
    """As of a folder that belongs to somebody else."""

    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    result = CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "x")])
    assert result.exit_code == 2
    assert result.output == (
        f"fermiml: error: {tmp_path}/x: this folder cannot be created (Permission denied)\n"
    )


def test_a_missing_file_of_the_installation_is_named(tmp_path, monkeypatch):
    lat.write_ccube(tmp_path / "cube.fits")
    gone = Path(installed.__file__).parent / "P8R3_SOURCE_V3.fits"

    def lost(*_):
        return gone.open("rb")

    monkeypatch.setattr(installed, "_read_compact", lost)
    result = CliRunner().invoke(main, ["info", str(tmp_path / "cube.fits")])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert str(gone) in result.output and "part of the installation" in result.output
    assert "LAT data" not in result.output


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    lat.write_ccube(tmp_path / "cube.fits")

    def lost(*_):
        return importlib.import_module("fermiml.data.irfs")

    monkeypatch.setattr(installed, "_read_compact", lost)
    monkeypatch.setitem(sys.modules, "fermiml.data.irfs", None)
    with pytest.raises(ImportError):
        SkyCube.read(tmp_path / "cube.fits")
    result = CliRunner().invoke(main, ["info", str(tmp_path / "cube.fits")])
    assert result.exit_code == 2
    assert "fermiml.data.irfs" in result.output and "part of the installation" in result.output


def test_an_interrupt_ends_with_one_line_and_exit_code_130(tmp_path):
    result = command(KeyboardInterrupt())
    assert (result.exit_code, result.output) == (130, "fermiml: interrupted\n")


def test_a_real_interrupt():
    code = ("import os, signal, click; from fermiml.cli.base import Command\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job may ignore it
            "@click.command(cls=Command)\n"
            f"def stop(): os.kill(os.getpid(), {int(signal.SIGINT)})\n"
            "stop([])")  # fmt: skip
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "fermiml: interrupted\n")


def test_a_terminal_that_knows_ascii_alone(tmp_path):
    """What it has no letters for is escaped: a file's name, and the text of a list of files."""
    path = tmp_path / "Frühjahr_γ.fits"
    lat.write_ccube(path)
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for name in (path, tmp_path / "nöchts.fits"):
        done = subprocess.run(
            [sys.executable, "-P", "-c", "from fermiml.cli.main import main; main()", "info", name],
            capture_output=True,
            env=environment,
        )
        text = (done.stdout + done.stderr).decode("ascii")
        assert done.returncode == (0 if name == path else 2)
        assert "Traceback" not in text


def test_infinite_values_are_not_known():
    """3FGL writes -inf where it has no value, such as an error ellipse."""
    inf = float("inf")
    known = SourceCatalog.from_table(
        {"Source_Name": ["3FGL A", "3FGL B"], "RA": [83.6, 83.7], "DEC": [22.0, 22.1],
         "Conf_95_SemiMajor": [-inf, 0.05], "Conf_95_SemiMinor": [-inf, 0.05],
         "Signif_Avg": [-inf, 9.0], "Unc_Flux1000": [inf, 1e-10]}
    )  # fmt: skip
    assert not [c for c in ("Conf_95_SemiMajor", "Signif_Avg", "Unc_Flux1000")
                if known.table[c][0] == known.table[c][0]]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sample().associate(known)


@pytest.mark.parametrize("release", ["gll_psc_v08.fit", "gll_psc_v16.fit", "gll_psc_v35.fit"])
def test_releases_are_associated_without_warnings(release):
    fermipy = pytest.importorskip("fermipy")
    known = SourceCatalog.read(f"{fermipy.PACKAGE_DATA}/catalogs/{release}")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = sample().associate(known)
    assert found[0]["ASSOC_FGL"]
