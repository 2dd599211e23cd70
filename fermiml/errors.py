"""The errors that fermiml raises on purpose; the command line turns them into one line."""

from importlib import util
from pathlib import Path


class FermimlError(Exception):
    """An error that fermiml raises deliberately; its message is one line."""


class InputError(FermimlError):
    """Invalid input; the message names it and says what is wrong and what to do."""


def is_of_installation(error):
    """Return whether an error means that a package, or a file of fermiml itself, is missing."""
    if isinstance(error, ImportError):
        return True
    if not isinstance(error, FileNotFoundError) or not isinstance(error.filename, str):
        return False
    file = Path(error.filename).resolve()
    return any(file.is_relative_to(Path(home).resolve()) for home in _homes())


def _homes():
    """Return the folders of the package; its data are elsewhere when it runs from a checkout."""
    specs = (util.find_spec(name) for name in ("fermiml", "fermiml.data"))
    return [home for spec in specs if spec for home in spec.submodule_search_locations]


def reason(error):
    """Return why something failed: in the words of the system, where the error began with it."""
    first = error
    while isinstance(first, OSError) and not first.strerror:
        first = first.__context__
    return first.strerror if isinstance(first, OSError) else " ".join(str(error).split())


def in_one_line(error):
    """Describe an error to a user: ours, one of the system (a full disk), a missing package."""
    text = reason(error)
    if isinstance(error, OSError) and error.filename:
        text = f"{error.filename}: {text}"
    if is_of_installation(error):
        text = f"a part of the installation is missing or broken ({text}); install fermiml again"
    return text


def type_and_message(error):
    """Return type and message of an error that other code raised."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
