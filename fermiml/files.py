"""Output files: written under a temporary name, renamed when complete, never over another."""

import json
import math
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from fermiml.errors import InputError, reason


def check_new(path, overwrite=False):
    """The path, if a file may be written there; long work asks before it begins."""
    path = Path(path).expanduser()
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already; use --overwrite (overwrite=True) to replace it")
    return path


@contextmanager
def writing(path):
    """What the system refuses (a full disk, no permission) becomes an error that names the path."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({reason(error)})") from error


@contextmanager
def replacing(path, overwrite=False):
    """Give a temporary path in the folder of `path`; rename it to `path` when the block succeeds.

    An interrupted run leaves neither a half file nor a damaged old one. The temporary name
    keeps the ending of `path`, from which many writers choose the format.
    """
    path = check_new(path, overwrite)
    # A folder of its own: other files of that name ending stay unharmed, and the file
    # gets the permissions that the user's umask asks for, which mkstemp would not give.
    with writing(path):
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary = folder / path.name
    try:
        with writing(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        folder.rmdir()


def write_text(path, text, overwrite=False):
    """Write a text file, atomically."""
    with replacing(path, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value, overwrite=False):
    """Write numbers and texts as JSON, atomically; NaN, which JSON does not know, as null."""
    write_text(path, json.dumps(_finite(value), indent=1), overwrite)


def _finite(value):
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def claim_folder(folder, content, overwrite=False, remedy="remove it"):
    """Make a folder for results, or see that it holds the beginning of these very ones.

    `content` (for JSON) names all that the results depend on; it is kept in input.json. With
    `overwrite`, results of something else may be there.
    """
    record = folder / "input.json"
    text = json.dumps(content, indent=1, default=str)
    found = record.read_text(encoding="utf-8") if record.is_file() else None
    if found != text and not (overwrite and found) and folder.is_dir() and any(folder.iterdir()):
        raise InputError(
            f"{folder}: holds something else than the beginning of this run; take another folder, "
            f"or {remedy}"
        )
    make_folder(folder)
    write_text(record, text, overwrite=True)


def make_folder(folder):
    """Make a folder for results, with those above it, if it is not there; the folder."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be made ({error.strerror})") from error
    return folder
