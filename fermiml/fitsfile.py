"""Open a stranger's FITS file: every failure is one InputError that names the file."""

import gzip
import io
import warnings
import zlib
from contextlib import contextmanager
from math import prod
from pathlib import Path

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from fermiml.errors import FermimlError, InputError, is_of_installation

_BLOCK = 2880
_MAGIC = b"SIMPLE  ="
_BITPIX = (8, 16, 32, 64, -32, -64)


@contextmanager
def reading(path, what="LAT data"):
    """Whatever goes wrong while a stranger's file is parsed becomes one InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # of keywords that nobody reads
            yield
    except FermimlError as error:
        if str(path) in str(error):
            raise
        raise InputError(f"{path}: {error}") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: the compressed file is truncated or damaged") from error
    except Exception as error:
        if is_of_installation(error):
            raise
        raise InputError(f"{path}: cannot be read as {what} ({_one_line(error)})") from error


def _one_line(error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) < 160 else text[:157] + "..."


@contextmanager
def open_fits(path):
    """A FITS file, gzipped or not, with all errors as InputError."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, a FITS file was expected")
    with reading(path), path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file = io.BytesIO(gzip.decompress(raw.read())) if zipped else raw
        _check_structure(file)
        # Memory maps would keep the file open and change the data under our feet.
        with fits.open(file, memmap=False, lazy_load_hdus=False) as hdus:
            yield hdus


def _check_structure(file):
    """Walk through the HDUs: astropy loops forever over sizes below zero, and reads the
    start of a truncated file without complaint."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise InputError("not a FITS file")
    end = file.seek(0, io.SEEK_END)
    position = 0
    while position < end:
        file.seek(position)
        try:
            header = fits.Header.fromfile(file)
        except (OSError, EOFError) as error:
            if position and _is_padding(file, position):
                break
            raise InputError("the file is truncated or damaged (no END of a header)") from error
        data = file.tell()
        if data + _data_size(header) > end:
            raise InputError("the file is truncated; copy it again")
        position = data + -(-_data_size(header) // _BLOCK) * _BLOCK
    file.seek(0)


def _is_padding(file, position):
    """Whether only zeros or blanks follow, which some writers leave behind."""
    file.seek(position)
    return not file.read().strip(b"\0 ")


def _data_size(header):
    """Bytes of data that a header announces."""
    axes = [header.get(f"NAXIS{i + 1}") for i in range(_count(header, "NAXIS", 0, 99))]
    sizes = [*axes, _count(header, "PCOUNT", 0), _count(header, "GCOUNT", 1)]
    if header.get("BITPIX") not in _BITPIX or not all(_is_count(size) for size in sizes):
        raise InputError("the header is damaged (BITPIX, NAXISn, PCOUNT or GCOUNT)")
    if not axes:
        return 0
    pcount, gcount = sizes[-2:]
    return abs(header["BITPIX"]) // 8 * gcount * (pcount + prod(axes))


def _count(header, keyword, default, limit=2**62):
    value = header.get(keyword, default)
    return value if _is_count(value) and value <= limit else -1


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
