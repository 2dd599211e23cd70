"""CPU time of the likelihood fit and of traditional detection, and where it goes.

    OPENBLAS_NUM_THREADS=1 python benchmarks/speed/fit.py FOLDER [--profile]
        [--write FITTED.fits] [--against EARLIER.fits]

FOLDER is for the simulated field (20 deg, 100 MeV-1 TeV in 24 bins, 14 years) and what the default
network finds in it. --profile prints what each step of the fit takes (the profiler adds to all of
them). --against compares the results with those that another version wrote.
"""

import argparse
import cProfile
import pstats
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

from fermiml import (
    LikelihoodFit,
    SkyCube,
    SkySimulator,
    SourceCatalog,
    SourceDetector,
    TraditionalDetector,
)

SEED = 11

STEPS = {  # function -> what it does
    "build": "templates of all sources of a region",
    "fit_all": "all norms, spectra and backgrounds",
    "_place": "positions",
    "_shape": "spectral shapes",
    "_row": "TS and fluxes in bands",
}


def field(folder, width):
    """Read the field of `width` (deg) in a folder, where it is made if it is not there."""
    path = folder / f"field_{width:g}"
    if not (path / "counts.fits").is_file():
        SkySimulator(
            seed=SEED,
            sky={"centers": [[100, 30]], "width": width},
            energy={"min": 100, "max": 1e6, "bins_per_decade": 6},
            observation={"years": 14},
        ).run(path)
    return SkyCube.read(
        path / "counts.fits",
        exposure=path / "bexpmap.fits",
        psf=path / "psf.fits",
        background=path / "background.fits",
    )


def profiled(fit, seeds, cube):
    """Fit, and print the fraction of CPU time that each step takes."""
    profile = cProfile.Profile(time.process_time)
    found = profile.runcall(fit.run, seeds, cube)
    stats = pstats.Stats(profile)
    inside = {
        name: cumulative
        for (path, _, name), (_, _, _, cumulative, _) in stats.stats.items()
        if Path(path).parent.name == "likelihood"
    }
    for name, what in STEPS.items():
        print(f"{what}: {inside[name] / stats.total_tt:.0%}")
    return found


def differences(old, new):
    """Print by how many sigma results differ."""
    old, new = (SourceCatalog.read(path) for path in (old, new))
    a, b = ({name: np.ma.filled(t[name].astype(float), np.nan)
             for name in ("TS", "Flux1000", "Unc_Flux1000", "Energy_Flux100",
                          "Unc_Energy_Flux100", "Conf_68_SemiMinor")}
            for t in (old.table, new.table))  # fmt: skip
    apart = old.positions.separation(new.positions).deg
    rows = {
        "sqrt(TS)": np.sqrt(b["TS"]) - np.sqrt(a["TS"]),
        "Flux1000": (b["Flux1000"] - a["Flux1000"]) / a["Unc_Flux1000"],
        "Energy_Flux100": (b["Energy_Flux100"] - a["Energy_Flux100"]) / a["Unc_Energy_Flux100"],
        "position": apart / (a["Conf_68_SemiMinor"] / 1.51),
    }
    for name, values in rows.items():
        values = np.abs(values[np.isfinite(values)])
        median, most, largest = np.quantile(values, [0.5, 0.9, 1])
        print(f"{name}: {median:.3f} (median), {most:.3f} (90 %), {largest:.3f} (largest)")


def main():
    """Print times, and what else is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    cube, seeds = field(options.folder, 20), options.folder / "seeds_20.fits"
    if not seeds.is_file():
        SourceDetector.from_pretrained().run(cube).write(seeds)
    fit, start = LikelihoodFit(jobs=1), time.process_time()
    found = profiled(fit, seeds, cube) if options.profile else fit.run(seeds, cube)
    seconds = time.process_time() - start
    print(f"fit: {len(found)} sources, {seconds:.1f} s of CPU, {seconds / len(found):.2f} each")
    path = options.write or options.folder / "fitted.fits"
    found.write(path, overwrite=True)
    if options.against:
        differences(options.against, path)
    start = time.process_time()
    found = TraditionalDetector().run(cube)
    print(f"traditional: {len(found)} sources, {time.process_time() - start:.1f} s of CPU")
    print(machine(SEED))


if __name__ == "__main__":
    main()
