"""Numbers that were measured on simulated skies, in small YAML files that come with fermiml."""

from dataclasses import asdict, fields
from functools import partial
from importlib import resources
from typing import ClassVar

from fermiml import schema
from fermiml.files import write_text
from fermiml.schema import REQUIRED, Key, number
from fermiml.yamlfile import read_settings


class MeasuredNumbers:
    """Base of dataclasses whose fields are numbers of a file."""

    FILE: ClassVar[str]  # of data/
    WHAT: ClassVar[str]  # the file is, for messages
    CHECK: ClassVar = number()  # of each number

    @classmethod
    def load(cls, path=None):
        """Read the numbers that come with fermiml, or those of another file."""
        path = path or resources.files("fermiml.data") / cls.FILE
        keys = {field.name: Key(REQUIRED, cls.CHECK, "a number") for field in fields(cls)}
        return cls(**read_settings(path, cls.WHAT, partial(schema.check, keys)))

    def save(self, path, recipe):
        """Write the numbers below a comment that says where they come from."""
        lines = [f"# {line}" for line in recipe.splitlines()]
        lines += [f"{name}: {value:.4g}" for name, value in asdict(self).items()]
        write_text(path, "\n".join(lines) + "\n", overwrite=True)
