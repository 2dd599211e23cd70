"""What `ml_seed` finds of faint sources, and what not, at several thresholds of its seeds:

    python benchmarks/likelihood/fermipy_thresholds.py DIR [--skies 3] [--seed 1] [--sqrt-ts 4]
    python benchmarks/likelihood/fermipy_thresholds.py DIR --skies 1 --event-types 4,8,16,32
    python benchmarks/likelihood/fermipy_thresholds.py DIR --skies 1 --emin 100

Simulated skies of ten faint sources, and as many without any, analysed with the real Fermitools;
`find_sources` beside it. Prints the table of docs/fermipy.md; each line is printed for each sky,
too, as it comes. DIR keeps the skies: another run with the same seed begins with these.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

warnings.filterwarnings("ignore")
CENTER, WIDTH, EDGE = (79.0, 20.0), 6.0, 0.5  # deg
FLUXES = (0.6e-10, 1.6e-10)  # cm-2 s-1 above 1 GeV
COUNT, APART, MATCH = 10, 0.8, 0.3  # deg
# x2: with two looks; the last: the network's 95 % purity point.
THRESHOLDS = "0.05,0.1,0.2,0.3,0.3x2,0.5,purity"
HEAD = ("search", "found", "false, with sources", "false, without", "gain in log L", "CPU s")


def faint_sources(seed):
    """Draw ten sources, log-uniform in flux and not closer to each other than APART."""
    rng = np.random.default_rng(seed)
    half, places = WIDTH / 2 - EDGE, np.empty((0, 2))
    while len(places) < COUNT:
        place = rng.uniform(-half, half, 2)
        if not len(places) or np.hypot(*(places - place).T).min() > APART:
            places = np.vstack([places, place])
    lon = CENTER[0] + places[:, 0] / np.cos(np.radians(CENTER[1]))
    place = SkyCoord(lon, CENTER[1] + places[:, 1], unit="deg", frame="galactic")
    index = rng.uniform(2.0, 2.6, COUNT)
    flux = np.exp(rng.uniform(*np.log(FLUXES), COUNT))
    return Table({
        "Source_Name": [f"True {number}" for number in range(COUNT)],
        "RAJ2000": place.icrs.ra.deg, "DEJ2000": place.icrs.dec.deg,
        "SpectrumType": ["PowerLaw"] * COUNT, "Pivot_Energy": np.full(COUNT, 1000.0),
        "PL_Index": index, "PL_Flux_Density": flux * (index - 1) / 1000,
    })  # fmt: skip


def analysis(folder, seed, sources, **options):
    """Simulate a sky, or take what is there, and set up its analysis."""
    from fermiml import SourceCatalog
    from fermiml.fermipy import GTAnalysis, example

    config = folder / "config.yaml"
    if not config.is_file():
        population = {"preset": "none"}
        if sources is not None:
            folder.mkdir(parents=True)
            SourceCatalog.from_table(sources).write(folder / "sources.fits")
            population = {"sources": str((folder / "sources.fits").resolve())}
        config = example.make(folder, seed, CENTER, WIDTH, population=population, **options)
    gta = GTAnalysis(str(config), logging={"verbosity": 1})
    gta.setup()
    gta.optimize()
    gta.write_roi("begin", make_plots=False)
    return gta


def score(position, sources):
    """Count the true sources that are found, and the found ones that are not true."""
    if sources is None or not len(position):
        return 0, len(position)
    true = SkyCoord(sources["RAJ2000"], sources["DEJ2000"], unit="deg")
    near = true[:, None].separation(position).deg < MATCH
    return int(near.any(axis=1).sum()), int((~near.any(axis=0)).sum())


def searches(gta, thresholds, sqrt_ts):
    """Run each search from the same start; yield its name, positions, gain in log L, CPU s."""
    from fermiml.fermipy import engine

    options = {"sqrt_ts_threshold": sqrt_ts, "write_fits": False, "write_npy": False}
    start = engine.loglike(gta)
    gta.ml_seed(threshold=0.9, **options)  # starts TensorFlow, which is not to be timed
    for name, value, looks in thresholds:
        gta.load_roi("begin")
        began = time.process_time()
        result = gta.ml_seed(threshold=value, looks=looks, **options)
        used, gain = time.process_time() - began, engine.loglike(gta) - start
        yield name, [s.skydir.icrs for s in result["sources"]], gain, used
    gta.load_roi("begin")
    table = gta.ml_seed(compare="find_sources", threshold=0.9, **options)["compare"]
    found = table[np.isfinite(table["fs_ra"])]
    place = [SkyCoord(row["fs_ra"], row["fs_dec"], unit="deg") for row in found]
    yield "`find_sources`", place, table.meta["LOGL_FS"] - start, table.meta["CPU_FS"]


def wanted(text):
    """Read thresholds: the name in the table, the option's value, how often to look."""
    for word in text.split(","):
        value, _, looks = word.partition("x")
        yield word, None if value == "purity" else float(value), int(looks or 1)


def main():
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--skies", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--thresholds", default=THRESHOLDS)
    parser.add_argument("--sqrt-ts", type=float, default=4.0)
    parser.add_argument("--event-types", default="3")
    parser.add_argument("--emin", type=float, default=1000.0)
    given = parser.parse_args()
    types = tuple(int(number) for number in given.event_types.split(","))
    options = {"event_types": types, "emin": given.emin}
    thresholds = list(wanted(given.thresholds))
    print(machine(given.seed))
    totals = {}
    for seed in range(given.seed, given.seed + given.skies):
        for kind in ("faint", "empty"):
            sources = faint_sources(seed) if kind == "faint" else None
            gta = analysis(given.folder / f"{kind}_{seed}", seed, sources, **options)
            for name, place, gain, used in searches(gta, thresholds, given.sqrt_ts):
                found, false = score(SkyCoord(place) if place else place, sources)
                line = [found, *((false, 0) if sources is not None else (0, false)), gain, used]
                print(kind, seed, name, *(f"{value:.5g}" for value in line), flush=True)
                totals[name] = totals.get(name, 0) + np.array(line)
    print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
    for name, line in totals.items():
        print(f"| {name} | " + " | ".join(f"{value:.0f}" for value in line) + " |")


if __name__ == "__main__":
    main()
