"""Open an untrusted FITS file: every failure is one InputError that names the file."""

import gzip
import io
import logging
import os
import re
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from fermiml.checksums import change
from fermiml.errors import FermimlError, InputError, is_of_installation
from fermiml.files import check_input

log = logging.getLogger(__name__)
NO_CHECKSUM = "FERMIML_NO_CHECKSUM"  # environment variable that lets changed data pass
_BLOCK = 2880
_MAGIC = b"SIMPLE  ="
_BITPIX = (8, 16, 32, 64, -32, -64)
_FORM = re.compile(r"(\d{0,9})([LXBIJKAEDCMPQ])")  # repeat count and type of a column
_WIDTHS = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "P": 8,
           "M": 16, "Q": 16}  # fmt: skip
_LONGEST = 1000 * _BLOCK  # bytes of a header
_LARGEST = 2**31  # bytes that a compressed file is unpacked to, in memory
_TAIL = 2**20  # bytes behind the last HDU, at most


@contextmanager
def reading(path, what="LAT data"):
    """Whatever goes wrong while an untrusted file is parsed becomes one InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # of keywords that are not read
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
def open_fits(path, strict=True):
    """Yield the HDUs of a FITS file, gzipped or not, with all errors as InputError.

    The sums in the headers of those HDUs whose data were used are compared with the data at the
    end, or when something else is wrong, as changed bytes are the better reason. Changed data are
    an error if `strict`, else a warning.
    """
    path = check_input(path, "a FITS file")
    with reading(path), path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file = _unpacked(raw) if zipped else raw
        places = _structure(file)
        # Memory maps would keep the file open and change the data under our feet.
        file.seek(0)
        with fits.open(file, memmap=False, lazy_load_hdus=False) as hdus:
            listed = list(zip(hdus, places, strict=False))
            try:
                yield hdus
            finally:
                used = [(hdu, place) for hdu, place in listed if "data" in vars(hdu)]
                _check_sums(path, file, used, strict)


def _check_sums(path, file, hdus, strict):
    for number, (hdu, place) in enumerate(hdus):
        text = _CHANGES.get(change(file, place))
        if text is None:
            continue
        text = text.format(hdu.name or f"number {number}")
        if text.startswith("the data") and strict and not os.environ.get(NO_CHECKSUM):
            raise InputError(f"{text}; copy the file again, or set {NO_CHECKSUM}=1 if the change "
                             "was intended")  # fmt: skip
        log.warning("%s: %s", path, text)


_CHANGES = {
    "data": "the data of HDU {} are not those that were written (wrong DATASUM)",
    "header": "the header of HDU {} was changed after its CHECKSUM was written",
    "both": "HDU {} was changed after its DATASUM and CHECKSUM were written",
}


@dataclass(frozen=True)
class _Place:
    """Where an HDU stands in its file (bytes), and what its header says."""

    header: fits.Header
    start: int
    data: int
    end: int


def _structure(file):
    """Walk through the HDUs: astropy loops forever over sizes below zero, and reads the
    start of a truncated file without complaint."""
    end = file.seek(0, io.SEEK_END)
    places, position = [], 0
    while position < end:
        file.seek(position)
        header = _header(_header_bytes(file, bool(position)))
        if header is None:
            if _is_padding(file, position):
                break
            raise InputError("the file is truncated or damaged (no END of a header)")
        data = file.tell()
        if data + _data_size(header) > end:
            raise InputError("the file is truncated; copy it again")
        _check_table(header)
        places.append(_Place(header, position, data, data + _padded(_data_size(header))))
        position = places[-1].end
    if not places:
        raise InputError("not a FITS file")
    return places


def _unpacked(raw):
    """Unpack a gzipped file as far as its headers announce: a small file may unpack to any size."""
    content = io.BytesIO()
    with gzip.GzipFile(fileobj=raw) as packed:
        while True:
            block = _header_bytes(packed, content.tell() > 0)
            content.write(block)
            header = _header(block)
            if header is None:
                break
            size = _padded(_data_size(header))
            if content.tell() + size > _LARGEST:
                raise InputError(
                    f"would be {(content.tell() + size) / 2**30:.1f} GB when unpacked; "
                    "unpack it with gunzip if this is correct"
                )
            while size and (piece := packed.read(min(size, _TAIL))):
                content.write(piece)
                size -= len(piece)
        content.write(packed.read(_TAIL))
        if packed.read(1):
            raise InputError("contains more than its FITS headers indicate")
    return content


def _header_bytes(file, is_extension):
    """Read the next header with its padding, or at most one block where there is no header."""
    found = block = file.read(_BLOCK)
    if not block.startswith(b"XTENSION" if is_extension else _MAGIC):
        if not is_extension:
            raise InputError("not a FITS file")
        return found
    while not _has_end(block) and len(found) < _LONGEST and (block := file.read(_BLOCK)):
        found += block
    return found


def _has_end(block):
    cards = (block[i : i + 80] for i in range(0, len(block), 80))
    return any(card.rstrip() == b"END" for card in cards)


def _header(content):
    """Parse the header in some bytes; None where they are not a complete header."""
    if not content.startswith((_MAGIC, b"XTENSION")) or not _has_end(content[-_BLOCK:]):
        return None
    try:
        return fits.Header.fromfile(io.BytesIO(content))
    except (OSError, EOFError):
        return None


def _is_padding(file, position):
    """Whether only zeros or blanks follow, which some writers leave behind."""
    file.seek(position)
    return position > 0 and not file.read().strip(b"\0 ")


def _padded(size):
    return -(-size // _BLOCK) * _BLOCK


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


def _check_table(header):
    """Say what is wrong with the columns of a binary table; astropy passes on what numpy says."""
    if str(header.get("XTENSION", "")).strip() != "BINTABLE":
        return
    name, width = header.get("EXTNAME", "without a name"), 0
    number = _count(header, "TFIELDS", 0, 999)
    for keyword in (f"TFORM{i + 1}" for i in range(number)):
        form = _FORM.match(str(header.get(keyword)).strip().upper())
        if form is None:
            raise InputError(f"the table {name} is damaged: {keyword} is {header.get(keyword)!r}, "
                             "a column format was expected")  # fmt: skip
        repeat = int(form[1] or 1)
        width += -(-repeat // 8) if form[2] == "X" else repeat * _WIDTHS[form[2]]
    row = header.get("NAXIS1")
    if number < 0 or width != row:
        raise InputError(f"the table {name} is damaged: its {header.get('TFIELDS')!r} columns "
                         f"take {width} bytes per row, the header says {row}")  # fmt: skip


def _count(header, keyword, default, limit=2**62):
    value = header.get(keyword, default)
    return value if _is_count(value) and value <= limit else -1


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
