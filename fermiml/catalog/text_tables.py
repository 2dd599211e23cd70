"""Untrusted tables of text: VOTable, ECSV and CSV, gzipped or not.

A small file may ask for any amount of memory, or name another file that is to be read in its place.
Neither is done.
"""

import io
from xml.parsers import expat

import numpy as np
from astropy.table import Table

from fermiml.errors import InputError
from fermiml.files import read_content

_LARGEST = 2**28  # bytes that a compressed file is unpacked to
_MOST_COLUMNS = 10_000
_PER_BYTE = 10  # numbers that a byte may stand for; a bit is the shortest


def read_text_table(path):
    """Read a table as it stands in the file."""
    content = read_content(path, _LARGEST)
    if content.lstrip()[:1] == b"<":
        _VOTableCheck().run(content)
        return Table.read(io.BytesIO(content), format="votable")
    text = content.decode("utf-8-sig")
    is_ecsv = text.startswith("# %ECSV")
    if not is_ecsv and ".csv" not in [suffix.lower() for suffix in path.suffixes[-2:]]:
        raise InputError("is neither FITS, VOTable nor ECSV, and its name does not end with .csv")
    if any(line.count(",") > _MOST_COLUMNS for line in io.StringIO(text)):
        raise InputError(f"has more than {_MOST_COLUMNS} columns, too many for a catalog")
    return Table.read(text.splitlines(), format="ascii.ecsv" if is_ecsv else "ascii.csv")


class _VOTableCheck:
    """Walks through a VOTable before astropy does: what would it make of it?"""

    def __init__(self):
        self._rows = self._width = self._numbers = 0
        self._is_first = True

    def run(self, content):
        """Raise InputError if a file refers to other files, or announces more than it contains."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = self._refuse_entity
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise InputError(f"is not a valid VOTable (XML error:  {error})") from None
        if self._numbers > _PER_BYTE * len(content):
            raise InputError("is damaged: it announces more numbers than it can hold")

    def _start(self, name, attributes):
        name = name.rpartition(":")[2].upper()
        if self._is_first and name != "VOTABLE":
            raise InputError(f"is XML, but no VOTable (its first element is {name.lower()[:80]})")
        self._is_first = False
        if name == "STREAM" and "href" in attributes:
            raise InputError(f"keeps its rows in another file ({attributes['href'][:80]}); "
                             "save the table as one file")  # fmt: skip
        if name == "TABLE":
            self._rows, self._width = int(attributes.get("nrows", 0)), 0
        elif name == "FIELD":
            sizes = attributes.get("arraysize", "1").rstrip("*").rstrip("x")
            self._width += int(np.prod([int(n) for n in sizes.split("x") if n], dtype=object))
        elif name == "TR":
            self._rows += 1

    def _end(self, name):
        if name.rpartition(":")[2].upper() == "TABLE":
            self._numbers += self._rows * self._width

    def _refuse_entity(self, name, *_):
        raise InputError(f"declares an XML entity ({name}), which is not allowed")
