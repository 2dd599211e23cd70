"""FITS files from anywhere: changed bytes, files that unpack to anything, pipes and devices."""

import gzip
import os

import numpy as np
import pytest
from astropy.io import fits
from makers import latfiles as lat
from makers.catalogs import sample

from fermiml import InputError, SkyCube, SourceCatalog, fitsfile
from fermiml.fitsfile import NO_CHECKSUM, open_fits
from fermiml.yamlfile import read_yaml


def summed(path):
    """The file with DATASUM and CHECKSUM in all HDUs."""
    with fits.open(path, memmap=False) as hdus:
        hdus.writeto(path, overwrite=True, checksum=True)
    return path


def cube_with_sums(folder):
    lat.write_ccube(folder / "cube.fits")
    return summed(folder / "cube.fits")


def change(path, place, byte):
    content = bytearray(path.read_bytes())
    content[place] ^= byte
    path.write_bytes(content)


def first_data(path, name):
    with fits.open(path) as hdus:
        return hdus[name].fileinfo()["datLoc"]


def test_files_as_they_were_written_pass(tmp_path, caplog):
    path = cube_with_sums(tmp_path)
    for file in (path, lat.zipped(path)):
        SkyCube.read(file)
    assert "CHECKSUM" not in caplog.text and "DATASUM" not in caplog.text


@pytest.mark.parametrize("zipped", [False, True])
def test_a_changed_byte_of_the_data_is_an_error_that_can_be_overruled(
    tmp_path, caplog, monkeypatch, zipped
):
    path = cube_with_sums(tmp_path)
    before = SkyCube.read(path).total_counts
    change(path, first_data(path, 0) + 1, 1)  # 65536 more counts in the first pixel
    path = lat.zipped(path) if zipped else path
    with pytest.raises(InputError, match=rf"HDU PRIMARY .*wrong DATASUM.*{NO_CHECKSUM}=1") as error:
        SkyCube.read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    monkeypatch.setenv(NO_CHECKSUM, "1")
    assert SkyCube.read(path).total_counts == before + 65536
    assert "wrong DATASUM" in caplog.text


def test_changed_bytes_are_the_reason_for_what_else_is_wrong(tmp_path):
    path = cube_with_sums(tmp_path)
    change(path, first_data(path, 0), 128)  # the sign
    with pytest.raises(InputError, match="wrong DATASUM"):
        SkyCube.read(path)


def test_a_stale_checksum_alone_warns(tmp_path, caplog):
    path = cube_with_sums(tmp_path)
    content = path.read_bytes()
    assert content.count(b"ZENITH_ANGLE") == 1
    path.write_bytes(content.replace(b"'0:90  ", b"'0:80  "))
    SkyCube.read(path)
    assert "header of HDU PRIMARY was changed after its CHECKSUM" in caplog.text


def test_only_what_is_used_is_checked(tmp_path):
    path = cube_with_sums(tmp_path)
    with fits.open(path, memmap=False) as hdus:
        extra = fits.ImageHDU(np.arange(10), name="OTHER")
        extra.add_checksum()
        hdus.append(extra)
        hdus.writeto(path, overwrite=True)
    change(path, first_data(path, "OTHER"), 1)
    SkyCube.read(path)
    with open_fits(path) as hdus:
        assert hdus["OTHER"].header["NAXIS1"] == 10
    with pytest.raises(InputError, match="HDU OTHER"), open_fits(path) as hdus:
        hdus["OTHER"].data.sum()


def test_gammapy_files_are_checked(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits")
    path = tmp_path / "map.fits"
    SkyCube.read(tmp_path / "cube.fits").components[0].counts.write(path)
    summed(path)
    change(path, first_data(path, 0) + 5, 1)
    with pytest.raises(InputError, match="wrong DATASUM"):
        SkyCube.read(path, exposure=None)


def test_catalogs_are_checked_with_a_warning(tmp_path, caplog):
    """Releases of 4FGL have wrong sums themselves."""
    path = tmp_path / "ml.fits"
    sample().write(path)
    summed(path)
    change(path, first_data(path, 1), 1)
    SourceCatalog.read(path)
    assert "wrong DATASUM" in caplog.text


def test_an_edited_file_with_its_old_sums_warns(tmp_path, caplog):
    """As of the events that go with 3FHL's Galactic centre: rows were chosen, sums left."""
    path = cube_with_sums(tmp_path)
    change(path, first_data(path, 0) + 1, 1)
    path.write_bytes(path.read_bytes().replace(b"'0:90  ", b"'0:80  "))
    SkyCube.read(path)
    assert "HDU PRIMARY was changed after its DATASUM and CHECKSUM" in caplog.text


def promise(bytes_of_data):
    header = fits.PrimaryHDU().header
    header["NAXIS"] = 1
    header.set("NAXIS1", bytes_of_data, after="NAXIS")
    return header.tostring().encode()


def bomb(path, header, blocks):
    """Zeros of a megabyte behind a header."""
    with gzip.open(path, "wb", 9) as file:
        file.write(header)
        for _ in range(blocks):
            file.write(bytes(2**20))
    return path


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (promise(2880), "contains more than its FITS headers indicate"),
        (promise(10 * 2**30), "would be 10.0 GB when unpacked; unpack it with gunzip"),
        (b"SIMPLE  =".ljust(2880), "contains more than its FITS headers indicate"),
        (b"", "not a FITS file"),
    ],
)
def test_a_small_file_does_not_unpack_to_a_large_one(tmp_path, header, message):
    path = bomb(tmp_path / "bomb.fits.gz", header, 50)
    with pytest.raises(InputError, match=message):
        SkyCube.read(path)


def test_large_compressed_files_are_read_up_to_the_limit(tmp_path, monkeypatch):
    lat.write_ccube(tmp_path / "cube.fits")
    size = (tmp_path / "cube.fits").stat().st_size
    path = lat.zipped(tmp_path / "cube.fits")
    monkeypatch.setattr(fitsfile, "_LARGEST", size)
    SkyCube.read(path)
    monkeypatch.setattr(fitsfile, "_LARGEST", size - 2880)
    with pytest.raises(InputError, match="unpack it with gunzip"):
        SkyCube.read(path)


def test_a_header_without_end_is_not_read_for_ever(tmp_path):
    path = tmp_path / "endless.fits"
    with path.open("wb") as file:
        file.write(b"SIMPLE  =")
        file.truncate(2**32)
    with pytest.raises(InputError, match="no END of a header"):
        SkyCube.read(path)


@pytest.mark.parametrize("read", [SkyCube.read, SourceCatalog.read, read_yaml])
def test_pipes_and_devices_are_refused(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.fits")
    for path in (tmp_path / "pipe.fits", type(tmp_path)("/dev/zero")):
        with pytest.raises(InputError, match=f"{path}: is a pipe or a device"):
            read(path)
