"""Progress bars are for people at a terminal."""

import io
import logging

import pytest
from click.testing import CliRunner

from fermiml.cli import info
from fermiml.cli.main import main
from fermiml.progress import progress_bar


class Terminal(io.StringIO):
    """Takes what is written to a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("level", "show", "seen"),
    [("WARNING", True, True), ("ERROR", True, False), ("WARNING", False, False)],
)
def test_a_bar_is_shown_on_a_terminal_unless_only_errors_are_wanted(level, show, seen, caplog):
    terminal = Terminal()
    with caplog.at_level(level, "fermiml"):
        assert list(progress_bar(range(3), "tasks", show=show, file=terminal)) == [0, 1, 2]
    assert ("tasks" in terminal.getvalue()) == seen


def test_a_file_gets_no_bar():
    file = io.StringIO()
    list(progress_bar(range(3), "tasks", file=file))
    assert file.getvalue() == ""


@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_commands_have_none(option, monkeypatch, caplog):
    shown = []

    def read(*_, **__):
        shown.append(not progress_bar(range(3), file=Terminal()).disable)
        raise OSError("seen enough")

    monkeypatch.setattr(info, "read_quietly", read)
    with caplog.at_level(logging.WARNING, "fermiml"):  # the level is given back at the end
        CliRunner().invoke(main, ["info", "counts.fits"])
        CliRunner().invoke(main, ["info", "counts.fits", option])
    assert shown == [True, False]
