"""What becomes of damaged inputs? Seeded mutations of every kind of file that fermiml reads.

    python benchmarks/development/mutate.py --number 1000 --seed 1 --sums

Bytes are changed, header values replaced, and files cut; each result is read as `fermiml` would.
An outcome is "refused" (one InputError), "accepted, same" (counts, energies, centre and response
as before), "accepted, other" (with or without a warning), or a fault: any other exception,
or more than the time allowed.
"""

import argparse
import json
import logging
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from astropy.io import fits

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from makers import catalogs
from makers import latfiles as lat

from fermiml import InputError, SkyCube, SourceCatalog
from fermiml.simulate import sky_settings
from fermiml.yamlfile import read_settings

LONGEST = 20  # s
VALUES = (b"'x'", b"-1", b"0", b"NaN", b"1E300", b"1E-300", b"99999999999", b"T", b"''")
SETTINGS = "seed: 2\nsky: {centers: [[30, 58]], width: 6}\nenergy: {min: 1000, max: 1e6}\n"


def main():
    """Mutate, read, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sums", action="store_true", help="with DATASUM and CHECKSUM")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, too_long)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        inputs = make_inputs(folder, options.sums)
        expected = {kind: read() for kind, (path, read) in inputs.items()}
        outcomes = Counter()
        for number in range(options.number):
            random = np.random.default_rng([options.seed, number])
            kind = list(inputs)[number % len(inputs)]
            path, read = inputs[kind]
            content = path.read_bytes()
            path.write_bytes(mutated(content, random))
            outcome = judge(read, expected[kind])
            path.write_bytes(content)
            outcomes[kind, outcome] += 1
            if outcome.startswith("FAULT"):
                print(f"{kind}, mutation {number}: {outcome}", flush=True)
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:<10} {outcome:<28} {count}")


def make_inputs(folder, sums):
    """A file of each kind, and how it is read to what must not change in silence."""
    names = ("cube.fits", "hpx.fits", "exposure.fits", "psf.fits", "events.fits")
    cube, hpx, exposure, psf, events = (folder / name for name in names)
    lat.write_ccube(cube)
    lat.write_hpx(hpx, 8)
    lat.write_bexpmap(exposure)
    lat.write_gtpsf(psf)
    lat.write_ft1(events)
    for path in (cube, hpx, exposure, psf, events) if sums else ():
        with fits.open(path, memmap=False) as hdus:
            hdus.writeto(path, overwrite=True, checksum=True)
    good = folder / "good.fits"
    good.write_bytes(cube.read_bytes())
    catalog, settings = folder / "ml.fits", folder / "settings.yaml"
    catalogs.sample().write(catalog)
    settings.write_text(SETTINGS)
    return {
        "cube": (cube, lambda: facts(SkyCube.read(cube))),
        "HEALPix": (hpx, lambda: facts(SkyCube.read(hpx))),
        "exposure": (exposure, lambda: facts(SkyCube.read(good, exposure=exposure))),
        "PSF": (psf, lambda: facts(SkyCube.read(good, psf=psf))),
        "events": (events, lambda: facts(SkyCube.read(events))),
        "catalog": (catalog, lambda: [repr(SourceCatalog.read(catalog).table.pformat(-1, -1))]),
        "settings": (settings, lambda: [repr(read_settings(settings, "", sky_settings.check))]),
    }


def facts(cube):
    """Counts, energies, centre and response of a cube."""
    component = cube.components[0]
    exposure, psf = component.exposure, component.psf
    numbers = [
        *component.counts.data.reshape(len(component.counts.data), -1).sum(axis=1, dtype=float),
        *component.energy_edges, component.center.icrs.ra.deg, component.center.icrs.dec.deg,
        component.mask.sum(), float(np.sum(exposure.data, dtype=float)),
        *psf.containment_radius(component.energy_edges[:-1], 0.68),
    ]  # fmt: skip
    return [float(f"{number:.7g}") for number in numbers]


def mutated(content, random):
    """A file with something wrong in it."""
    content = bytearray(content)
    way = random.choice(["byte", "bytes", "value", "cut", "zeros"], p=[0.3, 0.1, 0.45, 0.1, 0.05])
    place = int(random.integers(len(content)))
    if way == "value":
        cards = [i for i in range(0, len(content) - 80, 80) if content[i + 8 : i + 10] == b"= "]
        if cards:
            place = int(random.choice(cards)) + 10
            content[place : place + 20] = VALUES[random.integers(len(VALUES))].rjust(20)
            return bytes(content)
    if way == "cut":
        return bytes(content[:place])
    length = 1 if way == "byte" else int(random.integers(2, 2000))
    here = slice(place, min(place + length, len(content)))
    size = here.stop - here.start
    content[here] = bytes(size) if way == "zeros" else random.bytes(size)
    return bytes(content)


def too_long(*_):
    """The alarm."""
    raise TimeoutError(f"more than {LONGEST} s")


def judge(read, expected):
    """The outcome of a reading, in words."""
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = said.append
    logging.getLogger("fermiml").addHandler(handler)
    signal.alarm(LONGEST)
    try:
        found = read()
    except InputError as error:
        return "refused" if "\n" not in str(error) else "FAULT: several lines"
    except Exception as error:  # what is looked for
        return f"FAULT: {type(error).__name__}: {' '.join(str(error).split())[:80]}"
    finally:
        signal.alarm(0)
        logging.getLogger("fermiml").removeHandler(handler)
    if json.dumps(found) == json.dumps(expected):
        return "accepted, same"
    return "accepted, other, warned" if said else "accepted, other"


if __name__ == "__main__":
    main()
