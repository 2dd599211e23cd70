"""Verification of DATASUM and CHECKSUM in FITS files."""

import numpy as np

_PIECE = 2**24  # bytes that are added up at once
_ALL_ONES = 2**32 - 1


def change(file, place):
    """Return what changed in an HDU since its sums were written: "data", "header", "both" or None.

    CHECKSUM makes all words add up to all ones, so together with the DATASUM in the header it
    tells whether the header is unchanged. Editing a file changes both; if only the data have
    changed, they are damaged.
    """
    written, data = _datasum(place.header), _sum(file, place.data, place.end)
    data_changed = written is not None and not _are_same(written, data)
    if not str(place.header.get("CHECKSUM", "")).strip():
        return "data" if data_changed else None
    header = _sum(file, place.start, place.data)
    header_changed = not _are_same(_folded(header + (written if data_changed else data)), 0)
    if data_changed:
        return "both" if header_changed else "data"
    return "header" if header_changed else None


def _datasum(header):
    """Return the DATASUM in the header, or None where there is none."""
    try:
        return int(header.get("DATASUM", ""))
    except ValueError:
        return None


def _are_same(one, other):
    """Whether sums are equal: of 0 there are two in the arithmetic of FITS."""
    return one % _ALL_ONES == other % _ALL_ONES


def _sum(file, start, end):
    """Sum the 32-bit words, with the overflow added back at the low end."""
    total = 0
    file.seek(start)
    for position in range(start, end, _PIECE):
        words = file.read(min(_PIECE, end - position))
        total += int(np.frombuffer(words + bytes(-len(words) % 4), ">u4").sum(dtype=np.uint64))
    return _folded(total)


def _folded(total):
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    return total
