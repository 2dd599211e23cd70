"""Files: which may be read; new ones are written under a temporary name, renamed when complete,
never over another."""

import glob
import gzip
import json
import math
import os
import tempfile
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

from fermiml import owner
from fermiml.errors import InputError, reason

PREFIX = ".fermiml-"  # of the names of all that fermiml keeps for itself, and may remove
FITS = (".fits", ".fit", ".fits.gz")
_GZIP = b"\x1f\x8b"
_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip", b"(\xb5/\xfd": "zstd"}
_MAGIC = 5  # bytes, at most, by which they are known
_MARK = f"{PREFIX}owner"  # in a temporary folder: who made it


def check_input(path, what="a file"):
    """Return the path of an existing file; a pipe may never end, and cannot be read twice."""
    path = Path(path).expanduser()
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, {what} was expected")
    if not path.is_file():
        raise InputError(f"{path}: is a pipe or a device, {what} was expected")
    return path


def read_content(path, most):
    """Read all bytes of a file; one that is gzipped is unpacked to `most` bytes, or refused."""
    with open(path, "rb") as raw:
        head = raw.read(_MAGIC)
        raw.seek(0)
        packed = next((name for magic, name in _PACKED.items() if head.startswith(magic)), None)
        if packed is not None:
            raise InputError(f"is compressed with {packed}; unpack it, or use gzip")
        if not head.startswith(_GZIP):
            return raw.read()
        with gzip.GzipFile(fileobj=raw) as file:
            content = file.read(most + 1)
    if len(content) > most:
        raise InputError(
            f"would be more than {most / 2**20:.0f} MB when unpacked; unpack it with gunzip "
            "if this is correct"
        )
    return content


def check_new(path, overwrite=False, inputs=(), endings=()):
    """Return the path if a file may be written there; long tasks check this before they begin.

    Folders above it that do not exist are made when it is written. Files that are still to be
    read (`inputs`; anything that is not a path is ignored) are never replaced. `endings` are the
    formats that there are.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    if endings and not path.name.lower().endswith(tuple(endings)):
        raise InputError(f"{path}: the name must end in {' or '.join(endings)}")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise InputError(f"{path}: {above} is not a folder")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already; use --overwrite (overwrite=True) to replace it")
    if any(_is_same(path, other) for other in inputs):
        raise InputError(f"{path}: is an input of this command; give another name")
    return path


def _is_same(path, other):
    try:
        return os.path.samefile(path, os.path.expanduser(other))
    except (OSError, TypeError, ValueError):
        return False


@contextmanager
def writing(path):
    """Turn errors of the system (a full disk, no permission) into one that names the path."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({reason(error)})") from error


@contextmanager
def replacing(path, overwrite=False):
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds.

    An interrupted run leaves neither a half file nor a damaged old one. The temporary name
    keeps the ending of `path`, from which many writers choose the format. Where `path` is a link,
    the file that it leads to is replaced.
    """
    path = check_new(path, overwrite)
    make_folder(path.parent)
    target = path.resolve()
    with writing(path), scratch(target.parent, path.name, [glob.escape(path.name)]) as folder:
        yield folder / path.name
        move(folder / path.name, target)


@contextmanager
def scratch(parent, name, own):
    """Yield a temporary folder in `parent`; whatever is left of it in the end is removed.

    `own` are patterns for the names of the files that will be made there; no others are removed.
    First, what killed runs have left in `parent` is removed in the same way.
    """
    sweep(parent)
    # A folder of its own: other files of that name ending stay unharmed, and the file
    # gets the permissions that the user's umask asks for, which mkstemp would not give.
    with writing(Path(parent) / name):
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{name[:100]}.{owner.tag()}.", dir=parent))
    try:
        owner.write(folder / _MARK, own=list(own))
        yield folder
    finally:
        _remove_scratch(folder, own)


def sweep(parent):
    """Remove the temporary folders of runs that were killed."""
    for folder in Path(parent).glob(f"{PREFIX}*"):
        if is_folder(folder):
            with suppress(OSError):  # another run sweeps, too; or it may not be removed
                _sweep_one(folder)


def _sweep_one(folder):
    mark = folder / _MARK
    known = owner.read(mark) if mark.is_file() else {}
    maker = known or owner.from_tag(folder.name)  # killed before it could write its mark
    if owner.is_gone(maker, mark if known else folder):
        _remove_scratch(folder, known.get("own", []))


def _remove_scratch(folder, own):
    sweep(folder)  # writers of single files have temporary folders of their own
    if remove_own(folder, own) <= {_MARK}:
        (folder / _MARK).unlink(missing_ok=True)
        folder.rmdir()


def remove_own(folder, own):
    """Remove the files whose names match one of the patterns; return the names that are left."""
    for path in list(folder.iterdir()):
        if any(fnmatchcase(path.name, pattern) for pattern in own) and not is_folder(path):
            path.unlink(missing_ok=True)
    return {path.name for path in folder.iterdir()}


def is_folder(path):
    """Return whether there is a folder, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def move(source, target):
    """Rename a file, once its content is on the disk: a power cut leaves the old one or the new."""
    _to_disk(source)
    os.replace(source, target)
    with suppress(OSError):  # some file systems cannot do this for a folder
        _to_disk(target.parent)


def _to_disk(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path, text, overwrite=False):
    """Write a text file, atomically."""
    with replacing(path, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value, overwrite=False):
    """Write numbers and text as JSON, atomically; NaN, which JSON lacks, becomes null."""
    write_text(path, json.dumps(_finite(value), indent=1), overwrite)


def read_json(path):
    """Read what `write_json` has written."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _finite(value):
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def make_folder(folder):
    """Make a folder for results, with those above it, if it does not exist; return it."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be created ({error.strerror})") from error
    return folder
