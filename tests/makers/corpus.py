"""Inputs that once crashed fermiml, filled the memory, or were accepted although they are wrong.

Each is made by code, is small, and comes with how it is read and what the error must say. Whatever
`benchmarks/development/mutate.py` or `fuzz.py` finds is added here.
"""

import gzip
import io
import zipfile
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from fermiml import SkyCube, SourceCatalog
from fermiml.catalog.export import to_votable
from fermiml.model.diffuse import isotropic_file
from fermiml.networks import arrays
from fermiml.response.caldb import read_caldb
from fermiml.simulate import sky_settings
from fermiml.sky.times import time_bins
from fermiml.train import recipe
from fermiml.train.training_patches import TrainingSet
from makers import calibration, catalogs, trainingfields
from makers import latfiles as lat

MEGABYTE = 2**20
VOTABLE = """<?xml version="1.0"?>{entity}<VOTABLE version="1.4"><RESOURCE><TABLE{rows}>
<FIELD name="RAJ2000" datatype="double" unit="deg"{size}/>
<FIELD name="DEJ2000" datatype="double" unit="deg"/>
<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>"""
ROW = "<TABLEDATA><TR><TD>1</TD><TD>2</TD></TR></TABLEDATA>"
SKY = "sky: {{centers: [[30, 58]], width: 6}}\n{}"


@dataclass(frozen=True)
class Case:
    """`write(path)` makes the file `name`, `read(path)` must refuse it and say `message`."""

    name: str
    write: object
    read: object
    message: str


def read_edges(path):
    return time_bins(str(path), np.array([[2.4e8, 3.4e8]]))


def text(content):
    return lambda path: path.write_text(content)


def zipped(content, size):
    """A gzipped file of some content, then zeros up to a size."""

    def write(path):
        with gzip.open(path, "wb", 9) as file:
            file.write(content)
            for _ in range(size // MEGABYTE):
                file.write(b"0" * MEGABYTE)

    return write


def changed(write, number=0, **cards):
    """A FITS file in which cards of an HDU have other values."""

    def write_changed(path):
        write(path)
        with fits.open(path, mode="update") as hdus:
            hdus[number].header.update(cards)

    return write_changed


def gammapy_map(path):
    cube = path.with_name("first.fits")
    lat.write_ccube(cube)
    SkyCube.read(cube).components[0].counts.write(path)


def votable(entity="", rows="", size="", data=ROW):
    return text(VOTABLE.format(entity=entity, rows=rows, size=size, data=data))


def pickled(path):
    np.savez(path, **{"0000": np.array([{"a": 1}], dtype=object)})


def huge_shape(path):
    """An .npz file whose array says that it has 2^40 numbers."""
    stream = io.BytesIO()
    head = {"descr": "<f4", "fortran_order": False, "shape": (2**40,)}
    np.lib.format.write_array_header_1_0(stream, head)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("0000.npy", stream.getvalue())


def huge_member(path):
    """An .npz file whose directory announces 4 GB."""
    np.savez(path, **{"0000": np.zeros(9)})
    content = bytearray(path.read_bytes())
    size = content.index(b"PK\x01\x02") + 24
    content[size : size + 4] = (2**32 - 16).to_bytes(4, "little")
    path.write_bytes(content)


def field_without(name):
    def write(path):
        trainingfields.write_field(path)
        with np.load(path) as stored:
            kept = {key: stored[key] for key in stored.files if key != name}
        np.savez(path, **kept)

    return write


def negative_area(path):
    folder = path.parent / "caldb"
    calibration.write(folder)
    file = folder / f"aeff_{calibration.NAME}_FB.fits"
    with fits.open(file, mode="update") as hdus:
        hdus[1].data["EFFAREA"][0, 3] = -1


def read_irf(path):
    return read_caldb(path.parent / "caldb", calibration.NAME, ("FRONT",))


def read_weights(path):
    return arrays.read(path, "are no weights")


def read_field(path):
    return TrainingSet(path.parent).example(0)


CASES = [
    # tables of text
    Case("bomb.csv.gz", zipped(b"RAJ2000,DEJ2000\n", 257 * MEGABYTE), SourceCatalog.read,
         "more than 256 MB when unpacked; unpack it with gunzip"),
    Case("bomb.vot.gz", zipped(b"<VOTABLE>", 257 * MEGABYTE), SourceCatalog.read,
         "more than 256 MB when unpacked"),
    Case("ml.csv.bz2", lambda path: path.write_bytes(b"BZh91AY"), SourceCatalog.read,
         "is compressed with bzip2; unpack it"),
    Case("wide.csv", text(",".join(f"c{i}" for i in range(20_000)) + "\n"), SourceCatalog.read,
         "more than 10000 columns"),
    Case("table.dat", text("1 2 3\n"), SourceCatalog.read, "its name does not end with .csv"),
    Case("bytes.csv", lambda path: path.write_bytes(b"RA,DEC\n\xff\xfe,1\n"), SourceCatalog.read,
         "cannot be read as a catalog"),
    Case("elsewhere.vot", votable(data='<BINARY><STREAM href="file:///etc/hostname"/></BINARY>'),
         SourceCatalog.read, "its rows in another file .file:///etc/hostname"),
    Case("entity.vot", votable(entity='<!DOCTYPE x [<!ENTITY a "aaaa">]>'), SourceCatalog.read,
         r"declares an XML entity .a."),
    Case("rows.vot", votable(rows=' nrows="99999999999"'), SourceCatalog.read,
         "announces more numbers than it can hold"),
    Case("long.vot", votable(size=' arraysize="999999999"'), SourceCatalog.read,
         "announces more numbers than it can hold"),
    Case("half.vot", lambda path: path.write_text(to_votable(catalogs.sample().table)[:9000]),
         SourceCatalog.read, "is not a valid VOTable"),
    # headers
    Case("cuts.fits", changed(lat.write_ccube, NDSKEYS=-1), SkyCube.read, "NDSKEYS is '-1'"),
    Case("more.fits", changed(lat.write_ccube, NDSKEYS=2), SkyCube.read, "more cuts .DSTYP3"),
    Case("energies.fits", lambda path: lat.write_ft1(path, listed=lat.cuts(energy=(1e-28, 2e4))),
         SkyCube.read, "the energies run from 1e-28 to 2e.04 MeV, outside"),
    Case("kind.fits", changed(lat.write_ft1, 1, DSTYP4=1e300), SkyCube.read,
         "DSTYP4, DSVAL4: text was expected"),
    Case("text.fits", changed(gammapy_map, CRVAL1="x"), SkyCube.read,
         "CRVAL1 is 'x', a number was expected"),
    # spectra, responses
    Case("bomb.txt.gz", zipped(b"1 1\n", 17 * MEGABYTE), isotropic_file,
         "more than 16 MB when unpacked"),
    Case("nan.txt", text("100 nan\n200 1e-9\n"), isotropic_file, "positive intensities"),
    Case("empty.txt", text("# nothing\n"), isotropic_file, "positive intensities"),
    # times
    Case("nul.txt", text("2009-01-01\n2010-01-01\0"), read_edges, "is not a text file"),
    Case("late.txt", text("2009-01-01\n99999999999"), read_edges, "is later than 2127"),
    Case("irf", negative_area, read_irf, "the effective area is negative"),
    # networks and their training
    Case("pickle.npz", pickled, read_weights, "are no weights .*allow_pickle"),
    Case("shape.npz", huge_shape, read_weights, "are no weights"),
    Case("bomb.npz", huge_member, read_weights, "4.0 GB when unpacked"),
    Case("field_00000.npz", field_without("psf"), read_field, "is not a training field .*psf"),
    # settings
    Case("twice.yaml", text(SKY.format("seed: 1\nseed: 2\n")), sky_settings.read,
         "the key 'seed' stands there twice, line 3"),
    Case("deep.yaml", text("[" * 1000), recipe.read, "nested with more than 50 levels"),
    Case("seed.yaml", text(SKY.format("seed: .inf\n")), sky_settings.read, "seed: "),
    Case("years.yaml", text(SKY.format("observation: {years: .inf}\n")), sky_settings.read,
         "observation.years: "),
    Case("bins.yaml", text(SKY.format("energy: {bins_per_decade: 1.0e8}\n")), sky_settings.read,
         "energy.bins_per_decade: "),
    Case("batch.yaml", text("network: unek\ntraining: {fields: [a], batch: 0.5}\n"), recipe.read,
         "training.batch: "),
]  # fmt: skip
