"""An untrusted YAML file, read with the safe loader."""

import yaml

from fermiml.errors import InputError
from fermiml.files import check_input


def read_yaml(path):
    """The content of a YAML file (a Path); one clear error when it is none."""
    check_input(path, "a YAML file")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not valid YAML ({' '.join(str(error).split())})") from error


def read_settings(path, what, check):
    """What `check` makes of a YAML file of settings; errors begin with the file's name.

    `what` says, to whom the file is missing, what it should hold.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file (a YAML that describes {what})")
    content = read_yaml(path)
    try:
        return check(content or {})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def refuse_unknown(given, known, where=""):
    """An error that names keys which do not exist, and lists those that do."""
    if not isinstance(given, dict):
        raise InputError(f"expected settings (key: value), not {given!r}")
    unknown = [f"{where}{key}" for key in given if key not in known]
    if unknown:
        raise InputError(f"unknown key {', '.join(unknown)}: allowed are {', '.join(known)}")
