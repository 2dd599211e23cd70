"""Work in pieces that can be interrupted: content keys, files of finished pieces, and folders that
only one run can use at a time."""

import dataclasses
import hashlib
import json
import logging
import os
import threading
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from fermiml import __version__, owner
from fermiml.errors import InputError
from fermiml.files import PREFIX, make_folder, remove_own, sweep, write_text

log = logging.getLogger(__name__)
KEY = 24  # digits of the name of a piece
_DAMAGED = ".damaged"
_LOCK = f"{PREFIX}lock"
_MARK, _PIECES = f"{PREFIX}pieces", "finished pieces of a run of fermiml\n"
_PULSE = 60.0  # s between the signs of life of a run
_DAMAGE = (InputError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


def content_key(*items):
    """Compute a name that changes with the content of arrays, dataclasses, dictionaries, lists,
    texts, numbers, and of anything with a method ``content()`` that returns such.

    Arrays count in single precision: the last bit of trigonometric functions may differ from call
    to call.
    """
    digest = hashlib.sha256()
    for part in _content(items):
        digest.update(part)
    return digest.hexdigest()[:KEY]


def _content(item):
    """Yield bytes of an item and of its kind, so that no two different items have the same."""
    if isinstance(item, np.ndarray):
        yield from _array_content(item)
    elif hasattr(item, "content"):
        yield from _content([type(item).__name__, item.content()])
    elif dataclasses.is_dataclass(item):
        names = [field.name for field in dataclasses.fields(item)]
        yield from _content([type(item).__name__, {name: getattr(item, name) for name in names}])
    elif isinstance(item, dict):
        yield from _content(sorted(item.items(), key=lambda entry: str(entry[0])))
    elif isinstance(item, slice):
        yield from _content(["slice", item.start, item.stop, item.step])
    elif isinstance(item, list | tuple):
        yield f"list {len(item)};".encode()
        for entry in item:
            yield from _content(entry)
    elif item is None or isinstance(item, bool | int | float | str | np.generic | Path):
        plain = item.item() if isinstance(item, np.generic) else item
        yield f"{type(plain).__name__} {plain!r};".encode()
    else:
        raise TypeError(f"{type(item).__name__}: content of this type cannot be hashed")


def _array_content(values):
    if values.dtype.kind == "O":
        yield from _content(values.tolist())
        return
    kind = np.float32 if values.dtype.kind == "f" else values.dtype.newbyteorder("=")
    with np.errstate(over="ignore", under="ignore"):
        values = np.ascontiguousarray(values, kind)
    yield f"array {values.dtype.str} {values.shape};".encode()
    yield values.tobytes()


def load(path, read):
    """Return ``read(path)``, or None if the file is missing, or damaged and then set aside."""
    path = Path(path)
    if not path.is_file():
        return None
    try:
        return read(path)
    except _DAMAGE as error:
        aside = path.with_name(f"{path.name}{_DAMAGED}")
        os.replace(path, aside)
        log.warning("%s: is damaged (%s); kept as %s, and recomputed", path, error, aside.name)
        return None


def kept(path, make, write, read):
    """Return ``read(path)``, after ``write(path, make())`` if there is no such file yet."""
    path = Path(path)
    found = load(path, read)
    if found is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, make())
        found = read(path)
    return found


@contextmanager
def claim(
    folder, content, *, record="input.json", replace=None, results=("*",), remedy="remove it"
):
    """Hold a folder for results while the block runs; no other run may, at the same time.

    Parameters
    ----------
    folder : path
        Is created, or is empty, or holds the beginning of this same run.
    content : str, or what JSON can hold
        Names all that the results depend on; it is kept in the folder.
    record : str
        The file in which it is kept.
    replace : callable, optional
        Called as ``replace(folder, found)`` where the folder has the record of something else;
        removes the old results, or raises. Without it, that is an error.
    results : list of str
        Patterns for names that mark a folder without a record as somebody else's.
    remedy : str
        What else the user can do about such a folder.
    """
    folder = Path(folder).expanduser()
    text = content if isinstance(content, str) else json.dumps(content, indent=1, default=str)
    make_folder(folder)
    try:
        with _lock(folder):
            sweep(folder)
            _take(folder, text, folder / record, replace, results, remedy)
            yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()  # if nothing is left in it


def _take(folder, text, record, replace, results, remedy):
    found = record.read_text(encoding="utf-8") if record.is_file() else None
    if found == text:
        return
    if found is not None or _others(folder, results):
        if replace is None:
            raise InputError(
                f"{folder}: contains something other than the start of this run; use another "
                f"folder, or {remedy}"
            )
        if found is None:
            raise InputError(f"{folder}: was not made by this command and will not be replaced")
        replace(folder, found)
    write_text(record, text, overwrite=True)


def _others(folder, results):
    names = (path.name for pattern in results for path in folder.glob(pattern))
    return any(not name.startswith(PREFIX) for name in names)


@contextmanager
def _lock(folder):
    path = folder / _LOCK
    _acquire(folder, path)
    _sweep_locks(folder)
    ended = threading.Event()
    threading.Thread(target=_show_life, args=(path, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        with suppress(FileNotFoundError):
            if owner.is_mine(owner.read(path)):
                path.unlink()


def _acquire(folder, path):
    while True:
        try:
            return owner.write(path)
        except FileExistsError:
            _take_over(folder, path)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror})") from error


def _take_over(folder, path):
    """Remove the lock of a run that has ended; raise an error if it is still running."""
    with suppress(FileNotFoundError):  # it ends just now
        other = owner.read(path)
        if not owner.is_gone(other, path):
            raise InputError(
                f"{folder}: another run is using this folder ({owner.describe(other)}); wait for "
                f"it, or use another folder; if that run no longer exists, remove {path}"
            )
        aside = path.with_name(f"{_LOCK}.{owner.tag()}.aside")
        os.rename(path, aside)  # of two runs that want it, one succeeds
        if owner.read(aside) == other:
            log.info("%s: taken over from a run that was killed (%s)", folder,
                     owner.describe(other))  # fmt: skip
        else:  # a third has taken it over in between: it is theirs
            os.link(aside, path)
        aside.unlink()


def _sweep_locks(folder):
    """Remove the locks that were set aside by runs which were killed before they removed them."""
    for aside in folder.glob(f"{_LOCK}.*.aside"):
        with suppress(FileNotFoundError):
            if owner.is_gone(owner.from_tag(aside.name), aside):
                aside.unlink()


def _show_life(path, ended):
    while not ended.wait(_PULSE):
        with suppress(OSError):
            os.utime(path)


class Pieces:
    """Results of tasks in a folder that a run holds, each in a file named by the task's content.

    `fermiml.tasks.run` loads and saves them.
    """

    def __init__(self, folder, write, read, ending=".json"):
        self.folder, self.ending = folder, ending
        self._write, self._read = write, read

    @classmethod
    @contextmanager
    def held(cls, folder, write, read, ending=".json"):
        """Hold a folder for pieces: ``write(path, result)`` saves one, ``read(path)`` returns it.

        Pieces that are already held stay held. For None nothing is saved, and the block gets None.
        """
        if folder is None or isinstance(folder, cls):
            yield folder
            return
        remedy = "move it away: the finished pieces of the run are kept there"
        with claim(folder, _PIECES, record=_MARK, remedy=remedy) as folder:
            pieces = cls(folder, write, read, ending)
            try:
                yield pieces
            finally:
                pieces._unmark_if_empty()

    def load(self, task):
        """Load the result of a task, or return None if it has not been finished."""
        return load(self._path(task), self._read)

    def save(self, task, result):
        """Save the result of a task."""
        self._write(self._path(task), result)

    def forget(self):
        """Remove all pieces: the whole result is written. No other file is removed."""
        name = f"{'[0-9a-f]' * KEY}{self.ending}"
        remove_own(self.folder, [name, f"{name}{_DAMAGED}"])
        self._unmark_if_empty()

    def _unmark_if_empty(self):
        """Remove the mark, without which `claim` removes the folder, if there is nothing else."""
        with suppress(OSError):
            if {path.name for path in self.folder.iterdir()} <= {_MARK, _LOCK}:
                (self.folder / _MARK).unlink()

    def _path(self, task):
        return self.folder / f"{content_key(__version__, task)}{self.ending}"


@dataclasses.dataclass(frozen=True)
class NamedFiles:
    """Results of tasks in files with descriptive names; for `fermiml.tasks.run`."""

    path: Callable  # of a task
    write: Callable
    read: Callable

    def load(self, task):
        """Load the result of a task, or return None if it has not been finished."""
        return load(self.path(task), self.read)

    def save(self, task, result):
        """Save the result of a task."""
        self.write(self.path(task), result)
