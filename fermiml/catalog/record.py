"""A catalog in a file, and beside it in JSON what that does not hold; the JSON is written last."""

import json

from fermiml.catalog.catalog import SourceCatalog
from fermiml.files import write_text


def write(path, content):
    """Write (catalog, dictionary); `path` is that of the JSON file."""
    catalog, record = content
    catalog.write(path.with_suffix(".fits"), overwrite=True)
    write_text(path, json.dumps(record), overwrite=True)


def read(path):
    """Read the (catalog, dictionary) of a JSON file."""
    record = json.loads(path.read_text(encoding="utf-8"))
    return SourceCatalog.read(path.with_suffix(".fits")), record
