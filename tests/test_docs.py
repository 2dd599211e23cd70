"""Every block of code in README and docs runs, in the order in which a reader would type it.

A page's blocks share a folder with the files that they name. A block after the comment
`<!-- not run: why -->` is not run; but its fermiml commands must exist with those options.
"""

import os
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from makers import demonstrations, trainingfields

from fermiml import SkyCube, demo
from fermiml.cli.main import main
from fermiml.likelihood.datasets import to_datasets

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run: [^>]*-->\n)?```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL = ("sh", "console")
# Names that the pages use for files of the demonstration.
NAMES = {
    "ccube.fits": "sky/counts.fits",
    "counts.fits": "sky/counts.fits",
    "events.fits": "sky/events.fits",
    "bexpmap.fits": "sky/bexpmap.fits",
    "psf.fits": "sky/psf.fits",
    "background.fits": "sky/background.fits",
    "second_model.fits": "sky/background.fits",
    "gll_psc_v35.fit": "sky/truth.fits",
    "ml.fits": "ml.fits",
    "compare.fits": "compare.fits",
    "sky": "sky",
    "cache": "cache",
    "dataset.fits.gz": "dataset.fits.gz",
    "simulate-demo.yaml": "simulate-demo.yaml",
    "training": "training",
}


def blocks(page):
    """(language, code, is run) of the blocks of a page."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(language, code, not skipped) for skipped, language, code in found]


def commands(code):
    """The fermiml commands of a shell block, as lists of arguments."""
    text = code.replace("\\\n", " ").replace("$ ", "").replace("&&", "\n")
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [line[1:] for line in lines if line and Path(line[0]).name == "fermiml"]


def pages_with(*languages):
    return [p for p in PAGES if any(language in languages for language, *_ in blocks(p))]


@pytest.mark.parametrize("page", pages_with(*SHELL), ids=lambda p: p.stem)
def test_commands_exist_with_these_options(page):
    for language, code, _ in blocks(page):
        for arguments in commands(code) if language in SHELL else ():
            name = arguments[0]
            assert name in main.commands, f"fermiml {name}"
            command = main.commands[name]
            with click.Context(main) as parent:
                command.make_context(name, list(arguments[1:]), parent=parent)


@pytest.fixture(scope="module")
def shown(demonstration, tmp_path_factory):
    """The folder of the demonstration, and other files that pages name."""
    folder = tmp_path_factory.mktemp("desk") / "demo"
    shutil.copytree(demonstration[0], folder)
    cube = SkyCube.read(folder / "sky" / "counts.fits", background=folder / "sky/background.fits")
    to_datasets(cube)[0].write(folder / "dataset.fits.gz")
    (folder / "simulate-demo.yaml").write_text(
        yaml.safe_dump(demonstrations.DEMO), encoding="utf-8"
    )
    (folder / "training").mkdir()
    trainingfields.write_field(folder / "training" / "field_00000.npz")
    return folder


@pytest.fixture
def desk(shown, demo_settings, tmp_path, monkeypatch):
    """A reader's folder, with the files that pages name; we are in it."""
    for name, source in NAMES.items():
        os.symlink(shown / source, tmp_path / name)
    shutil.copytree(shown, tmp_path / "demo", symlinks=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "_settings", lambda: demo_settings)
    return tmp_path


@pytest.mark.parametrize("page", pages_with("python", *SHELL), ids=lambda p: p.stem)
@pytest.mark.slow
def test_blocks_run(page, desk, plugin):
    names = {}
    for language, code, is_run in blocks(page):
        if is_run and language == "python":
            exec(compile(code, page.name, "exec"), names)
        elif is_run and language in SHELL:
            for arguments in commands(code):
                _run(arguments)


def _run(arguments):
    if arguments == ["demo", "-o", "demo"]:
        return  # the folder that is there was made by it
    if "-o" in arguments:  # a reader would take another name
        output = Path(arguments[arguments.index("-o") + 1])
        output.unlink(missing_ok=True)
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, f"fermiml {' '.join(arguments)}\n{result.output}"
