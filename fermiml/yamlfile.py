"""A stranger's YAML file, read with the safe loader."""

import yaml

from fermiml.errors import InputError


def read_yaml(path):
    """The content of a YAML file (a Path); one clear error when it is none."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not valid YAML ({' '.join(str(error).split())})") from error
