"""Accuracy of the photometry: fluxes, spectra, positions and significances against the truth.

    python benchmarks/photometry/accuracy.py SIM [SIM ...] [-o rows.fits] [--true-background]

SIM are folders written by `fermiml simulate` (a field, or a folder of fields). Candidates are
the true sources of Asimov TS > 9, displaced by 0.05 deg along each axis, and false positions
0.4 deg or more from any of them, one for every five true ones.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table, vstack

from fermiml import SkyCube, SourceCatalog
from fermiml.catalog.ellipses import R68, R95
from fermiml.photometry.measure import measure

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SCATTER = 0.05  # deg
LEAST = 9.0  # Asimov TS of a candidate
CLEAR = 0.4  # deg between a false candidate and any true one
ZONES = (("|b| > 20", 20, 91), ("|b| 10-20", 10, 20), ("|b| < 10", 0, 10))


def field_folders(paths):
    """The folders of single fields in what was given."""
    found = []
    for path in map(Path, paths):
        found += [path] if (path / "truth.fits").exists() else sorted(path.glob("*/"))
    return [f for f in found if (f / "truth.fits").exists()]


def read(folder, background=False):
    """Cube and true sources of a field."""
    counts = sorted(folder.glob("counts*.fits"))
    tail = [c.name.removeprefix("counts") for c in counts]
    source = str(counts[0]) if len(counts) == 1 else [str(c) for c in counts]
    options = {"exposure": [str(folder / f"bexpmap{t}") for t in tail],
               "psf": [str(folder / f"psf{t}") for t in tail]}  # fmt: skip
    if background:
        options["background"] = [str(folder / f"background{t}") for t in tail]
    cube = SkyCube.read(source, **options)
    return cube, SourceCatalog.read(folder / "truth.fits").table


def candidates(truth, cube, rng):
    """True sources with their scattered positions, and false positions."""
    true = truth[(truth["TS_Asimov"] > LEAST) & truth["Inside"]]
    place = SkyCoord(true["RAJ2000"], true["DEJ2000"], unit="deg", frame="fk5").icrs
    angle = rng.uniform(0, 360, len(true)) * u.deg
    scattered = place.directional_offset_by(angle, rng.rayleigh(SCATTER, len(true)) * u.deg)
    component = cube.components[0]
    pixel = rng.choice(np.flatnonzero(component.mask), 20 * len(true))
    false = component.positions_of(pixel).icrs
    away = false.match_to_catalog_sky(place)[1].deg > CLEAR
    return true, scattered, false[away][: len(true) // 5]


def rows_of(folder, options, rng):
    """One row for each candidate: what was measured, what is true."""
    cube, truth = read(folder, options.true_background)
    true, scattered, false = candidates(truth, cube, rng)
    start, cpu = time.time(), time.process_time()
    table = measure(cube, SkyCoord([*scattered, *false]))
    spent = time.time() - start, time.process_time() - cpu
    number = len(true)
    for name in ("TS_Asimov", "S1", "RAJ2000", "DEJ2000", "SpectrumType", "PL_Index", "LP_Index",
                 "LP_beta", "PLEC_IndexS", "PLEC_ExpfactorS", "Extended_Source_Name"):  # fmt: skip
        values = np.asarray(true[name])
        blank = "" if values.dtype.kind == "U" else np.nan
        column = np.full(len(table), blank, values.dtype if values.dtype.kind == "U" else float)
        column[:number] = values
        table[f"True_{name}"] = column
    table["True"] = np.arange(len(table)) < number
    table.meta.clear()
    return table, spent


def ellipse_distance(rows):
    """Distance of the true position from the measured one in units of the 95 % ellipse, and deg."""
    found = SkyCoord(rows["RAJ2000"], rows["DEJ2000"], unit="deg")
    true = SkyCoord(rows["True_RAJ2000"], rows["True_DEJ2000"], unit="deg")
    offset = found.separation(true).deg
    angle = found.position_angle(true).rad - np.radians(np.asarray(rows["Conf_95_PosAng"], float))
    along = offset * np.cos(angle) / np.asarray(rows["Conf_95_SemiMajor"], float)
    across = offset * np.sin(angle) / np.asarray(rows["Conf_95_SemiMinor"], float)
    return np.hypot(along, across), offset


def _pull(values):
    """Mean and width from quantiles, which outliers do not move."""
    low, middle, high = np.nanpercentile(values, [15.87, 50, 84.13])
    return middle, 0.5 * (high - low)


def summary(rows):
    """Print what the rows say about a zone of latitude."""
    get = {name: np.asarray(rows[name]) for name in rows.colnames}
    true = get["True"] & (get["ML_Flags"] & 1 == 0) & (get["True_Extended_Source_Name"] == "")
    bright = true & (get["True_TS_Asimov"] > 50)
    print(f"{true.sum()} true sources of Asimov TS > 9, {bright.sum()} above 50")
    flux = (get["Flux1000"] - get["True_S1"]) / get["Unc_Flux1000"]
    print("flux pull, TS > 50: {:+.2f}, width {:.2f}".format(*_pull(flux[bright])))
    power = bright & (get["True_SpectrumType"] == "PowerLaw")
    if power.sum() > 20:
        pull = (get["PL_Index"] - get["True_PL_Index"]) / get["Unc_PL_Index"]
        print("index pull, TS > 50: {:+.2f}, width {:.2f}".format(*_pull(pull[power])))
    parabola = bright & (get["True_SpectrumType"] == "LogParabola")
    if parabola.sum() > 20:
        pull = (get["LP_beta"] - get["True_LP_beta"]) / get["Unc_LP_beta"]
        print("curvature pull, TS > 50: {:+.2f}, width {:.2f}".format(*_pull(pull[parabola])))
    root = np.sqrt(get["ML_TS"]) - np.sqrt(get["True_TS_Asimov"])
    distance, offset = ellipse_distance(rows)
    print(f"{'Asimov TS':<12}{'number':>7}{'offset':>8}{'in 68%':>8}{'in 95%':>8}"
          f"{'d sqrt TS':>11}{'width':>7}{'TS<9':>7}")  # fmt: skip
    for low, high in ((9, 16), (16, 25), (25, 50), (50, 100), (100, 1e9)):
        here = true & (get["True_TS_Asimov"] > low) & (get["True_TS_Asimov"] <= high)
        if here.sum() > 1:
            name = f"{low}-{high:g}" if high < 1e6 else f"> {low}"
            print("{:<12}{:>7}{:>8.3f}{:>8.3f}{:>8.3f}{:>11.2f}{:>7.2f}{:>7.2f}".format(
                name, here.sum(), np.median(offset[here]), np.mean(distance[here] < R68 / R95),
                np.mean(distance[here] < 1), *_pull(root[here]), np.mean(get["ML_TS"][here] < 9),
            ))  # fmt: skip
    false = ~get["True"] & (get["ML_Flags"] & 1 == 0)
    ts = get["ML_TS"][false]
    print(f"{false.sum()} false candidates: TS < 9 {np.mean(ts < 9):.2f}, "
          f"< 16 {np.mean(ts < 16):.2f}, < 25 {np.mean(ts < 25):.2f}\n")  # fmt: skip


def main():
    """Measure all fields, print a summary for each zone of latitude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("-o", "--output", type=Path, help="FITS table of all candidates")
    parser.add_argument("--true-background", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    tables, wall, cpu = [], 0.0, 0.0
    for folder in field_folders(options.folders):
        table, spent = rows_of(folder, options, rng)
        tables.append(table)
        wall, cpu = wall + spent[0], cpu + spent[1]
    rows = vstack(tables)
    print(machine(options.seed))
    print(f"{len(tables)} fields, {len(rows)} candidates: {wall:.0f} s, {cpu:.0f} s of processor, "
          f"{len(rows) / cpu:.0f} sources a second of processor, "
          f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")  # fmt: skip
    latitude = np.abs(np.asarray(rows["GLAT"], float))
    for name, low, high in ZONES:
        here = (latitude >= low) & (latitude < high)
        if here.sum() > 20:
            print(f"\n{name}:", end=" ")
            summary(rows[here])
    if options.output:
        fits.table_to_hdu(Table(rows)).writeto(options.output, overwrite=True)


if __name__ == "__main__":
    main()
