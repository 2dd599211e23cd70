"""Work that is killed (SIGKILL) at one of its file operations, and resumed until it is finished.

Between two file operations a process changes nothing that stays, so to be killed before each of
them in turn is to be killed at any moment.
"""

import hashlib
import os
import signal
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

PREFIX = ".fermiml-"
FOREIGN = (".git/HEAD", "notes.txt", "s.parts.old/mine.json", ".fermiml.d/mine")
_MOVES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.utime"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def run(work, folder, at=None):
    """Run `work` in a process that is killed before its operation `at` (from 1) below a folder.

    Return whether it came to its end.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork of a process with threads
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if at is not None:
                sys.addaudithook(_Killer(str(folder), at))
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "an error, see above"
    return True


class _Killer:
    """Counts file operations, and ends the process at one of them."""

    def __init__(self, folder, at):
        self._folder, self._left = folder, at

    def __call__(self, event, arguments):
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES
        if not (event in _MOVES or writes) or not str(arguments[0]).startswith(self._folder):
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def reference(job, folder):
    """Do a run in a new folder without killing it; return what it made."""
    folder.mkdir()
    run(lambda: job.work(folder), folder)
    return job.content(folder)


def finish(job, folder, random):
    """Kill a run and resume it at random operations until it is finished; how often it was.

    Foreign files are put there as soon as the folder is the run's.
    """
    kills = 0
    while True:
        if (folder / job.record).exists():
            add_foreign(folder)
        at = int(random.integers(1, job.operations))
        if run(lambda: job.work(folder), folder, at):
            return kills
        kills += 1


def add_foreign(folder):
    """Put files there that are not fermiml's."""
    for name in FOREIGN:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("not fermiml's")


def problems(folder, expected, content):
    """What is wrong after a run that was killed: other results, remains, foreign files lost."""
    found = []
    if content(folder) != expected:
        found.append("another result")
    left = [path.name for path in folder.rglob(f"{PREFIX}*")]
    if left:
        found.append(f"left behind: {', '.join(sorted(left))}")
    lost = [name for name in FOREIGN if not (folder / name).is_file()]
    return found + [f"lost: {name}" for name in lost]


def digest(values):
    """Something that changes with arrays."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def all_bytes(folder):
    """The content of all files that are not foreign."""
    return {
        str(path.relative_to(folder)): digest(np.frombuffer(path.read_bytes(), np.uint8))
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and str(path.relative_to(folder)) not in FOREIGN
    }
