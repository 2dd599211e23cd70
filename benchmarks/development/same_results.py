"""Check that two versions of fermiml give the same results for all commands.

    python benchmarks/development/same_results.py keep before      # with one version
    python benchmarks/development/same_results.py keep after       # with the other
    python benchmarks/development/same_results.py compare before after

Everything runs through the command line (except several components, which it does not accept), so
that the package may be rearranged at will. Numbers agree if they differ by less than 1e-6 of their
own error, where the table has one, and otherwise by less than 1e-6 of their value.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

TOLERANCE = 1e-6
NETWORKS = ("lat-best", "lat-unek", "lat-centroid")
RENAMED = {  # columns and keys of older versions
    "TS_Oracle": "TS_Asimov",
    "TS_Oracle_Bin": "TS_Asimov_Bin",
    "own fields": "own",
    "common fields": "common",
    "default threshold": "default_threshold",
    "chance matches": "chance_matches",
    "true sources, TS > 25": "true_sources",
    "at 95 % purity": "at_purity",
    "S1 at 90 % completeness": "s1_complete",
    "S1 at 90 % purity": "s1_pure",
    "by TS": "by_ts",
    "by S1": "by_s1",
    "at default": "at_default",
    "matched at threshold": "threshold",
    "flux pulls, TS > 50": "flux_pulls",
    "flux found / true": "flux_ratios",
    "classes, TS > 64": "classes",
    "classes by TS": "classes_by_ts",
    "numbers of sources": "source_numbers",
    "S1 at 90 %, as published": "panes2021",
    "true sources": "true_sources",
    "disc (deg)": "disc",
    "seconds per field": "seconds",
    "CPU seconds per field": "cpu_seconds",
    "false sources per 1000 deg2": "false_per_1000_deg2",
    "class": "spectra",
    "detections without injection": "detections",
    "of these lost in a round": "lost",
    "completeness by flux": "completeness_by_flux",
    "completeness by expected TS": "completeness_by_ts",
    "curve by flux": "curve_by_flux",
    "curve by expected TS": "curve_by_ts",
    "completeness at an expected TS": "completeness_at_ts",
    "expected TS at a completeness": "ts_at_completeness",
    "median flux at a completeness": "flux_at_completeness",
    "false sources expected": "false",
    "by ML_Prob": "by_probability",
    "in the background model alone": "in_background",
    "median separation": "separation",
    "median flux found / injected": "flux_ratio",
}
# Columns whose numbers have an error in another one, beyond those named Unc_*.
ERRORS = {
    "RAJ2000": "Conf_95_SemiMajor",
    "DEJ2000": "Conf_95_SemiMajor",
    "GLON": "Conf_95_SemiMajor",
    "GLAT": "Conf_95_SemiMajor",
}
FIELD = """
seed: {seed}
sky: {{centers: [[30, 58]], width: {width}, {pixels}}}
energy: {{min: 500, max: 1e6, bins_per_decade: 4}}
observation: {{years: 10, event_types: {types}}}
diffuse: {{model: embedded}}
wrong: {{model: embedded, vary: {{norms: 0.1, tilts: 0.02, structure: 0.1}}}}
population: {{spectra: parametric}}
"""
SKIES = {
    "wcs": {"seed": 11, "width": 8, "pixels": "pixel: 0.1", "types": [3]},
    "healpix": {"seed": 12, "width": 8, "pixels": "nside: 256", "types": [3]},
    "two": {"seed": 13, "width": 6, "pixels": "pixel: 0.1", "types": [16, 32]},
}
TRAINING = """
seed: 4
sky: {split: train, fields: 1}
energy: {min: 500, max: 1e6, bins_per_decade: 3}
observation: {event_types: [3], years: 10}
population: {spectra: parametric}
training: {models: 1}
"""
EVALUATION = """
skies: {one: skies}
models: [lat-best, "lat-best:log", traditional]
background: none
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("keep", help="run everything, and keep the results in FOLDER")
    one.add_argument("folder", type=Path)
    one.set_defaults(run=lambda given: keep(given.folder))
    two = commands.add_parser("compare", help="compare two such folders")
    two.add_argument("before", type=Path)
    two.add_argument("after", type=Path)
    two.set_defaults(run=lambda given: compare(given.before, given.after))
    given = parser.parse_args()
    sys.exit(given.run(given))


def keep(folder):
    """Run all commands on small fixed skies."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, settings in SKIES.items():
        _write(folder / f"{name}.yaml", FIELD.format(**settings))
        _run(folder, "simulate", f"{name}.yaml", "-o", name)
    _write(folder / "training.yaml", TRAINING)
    _run(folder, "simulate", "training.yaml", "-o", "training")
    for name in ("wcs", "healpix"):
        _detect(folder, name)
    _detect_two(folder)
    _run(folder, "fit", "wcs-lat-best.fits", *_counts("wcs"), *_background("wcs"), "-o", "fit.fits")
    _run(
        folder, "compare", *_counts("wcs"), *_background("wcs"), "-o", "compare",
        "--background-alt", "wcs/background_wrong.fits", "--known", "wcs/truth.fits",
    )  # fmt: skip
    _run(folder, "inject", *_counts("wcs"), "-o", "inject", "--rounds", "2", "--photometry")
    _evaluate(folder)
    return 0


def _detect(folder, name):
    for network in NETWORKS:
        output = f"{name}-{network}.fits"
        _run(folder, "detect", *_counts(name), "--model", network, "-o", output)
    given = (*_counts(name), *_background(name), "--known", f"{name}/truth.fits")
    _run(folder, "detect", *given, "-o", f"{name}-given.fits", "--threshold", "0.2")


def _evaluate(folder):
    skies = folder / "skies"
    skies.mkdir(exist_ok=True)
    link = skies / "wcs"
    if not link.exists():
        link.symlink_to("../wcs", target_is_directory=True)
    _write(folder / "evaluate.yaml", EVALUATION)
    _run(folder, "evaluate", "evaluate.yaml", "-o", "evaluate")


def _detect_two(folder):
    """Two event types at once, each with its own files."""
    from fermiml import SkyCube, SourceDetector

    for name, kinds in (("lat-best", {}), ("given", {"background": "background"})):
        cubes = []
        for end in ("00", "01"):
            given = {"exposure": "bexpmap", "psf": "psf", **kinds}
            files = {
                option: folder / "two" / f"{kind}_{end}.fits" for option, kind in given.items()
            }
            cubes.append(SkyCube.read(folder / "two" / f"counts_{end}.fits", **files))
        cube = replace(cubes[0], components=[c for one in cubes for c in one.components])
        catalog = SourceDetector.from_pretrained("lat-best").run(cube)
        catalog.write(folder / f"two-{name}.fits", overwrite=True)


def _counts(name):
    return f"{name}/counts.fits", "--exposure", f"{name}/bexpmap.fits", "--psf", f"{name}/psf.fits"


def _background(name):
    return "--background", f"{name}/background.fits"


def _run(folder, *arguments):
    print("fermiml", *arguments, flush=True)
    command = [Path(sys.executable).parent / "fermiml", *arguments, "-q"]
    subprocess.run(command, cwd=folder, check=True)


def _write(path, text):
    path.write_text(text.lstrip(), encoding="utf-8")


def compare(before, after):
    """Print every difference; the exit code says whether there is one."""
    kinds = {".fits": _fits_differences, ".json": _json_differences, ".npz": _npz_differences}
    paths = {p.relative_to(before) for kind in kinds for p in before.rglob(f"*{kind}")}
    paths = sorted(p for p in paths if not any(part.startswith(".") for part in p.parts))
    wrong = 0
    for path in paths:
        if not (after / path).is_file():
            differences = ["is missing"]
        else:
            differences = list(kinds[path.suffix](before / path, after / path))
        wrong += bool(differences)
        for text in differences:
            print(f"{path}: {text}")
    print(f"{len(paths)} files compared, {wrong} differ")
    return int(wrong > 0)


def _fits_differences(one, two):
    with fits.open(one) as old, fits.open(two) as new:
        if len(old) != len(new):
            yield f"{len(old)} and {len(new)} HDUs"
            return
        for a, b in zip(old, new, strict=True):
            if isinstance(a, fits.BinTableHDU):
                yield from _table_differences(Table.read(a), Table.read(b), a.name)
            elif a.data is not None:
                yield from _array_differences(a.name, a.data, b.data)


def _table_differences(old, new, name):
    for table in (old, new):
        for column, modern in RENAMED.items():
            if column in table.colnames:
                table.rename_column(column, modern)
    if len(old) != len(new):
        yield f"{name}: {len(old)} and {len(new)} rows"
        return
    for column in old.colnames:
        if column not in new.colnames:
            yield f"{name}: column {column} is missing"
            continue
        error = next((e for e in (f"Unc_{column}", ERRORS.get(column)) if e in old.colnames), None)
        error = None if error is None else np.ma.filled(old[error], np.nan)
        yield from _array_differences(f"{name}: {column}", old[column], new[column], error)


def _array_differences(name, old, new, error=None):
    old, new = (np.ma.filled(np.ma.asarray(a), _blank(a)) for a in (old, new))
    if old.shape != new.shape:
        yield f"{name}: shapes {old.shape} and {new.shape}"
    elif old.dtype.kind != "f":
        if not np.array_equal(old, new):
            yield f"{name}: {int((old != new).sum())} of {old.size} values differ"
    elif not np.array_equal(np.isfinite(old), np.isfinite(new)):
        yield f"{name}: other values are known"
    else:
        scale = np.abs(old) if error is None or error.shape != old.shape else np.abs(error)
        finite = np.isfinite(old) & (np.isfinite(scale))
        off = np.divide(np.abs(new - old)[finite], scale[finite], where=(new != old)[finite],
                        out=np.zeros(finite.sum()))  # fmt: skip
        if len(off) and off.max() > TOLERANCE:
            measure = "value" if error is None else "error"
            yield f"{name}: differs by up to {off.max():.2g} of its {measure}"


def _blank(array):
    kind = np.asarray(array).dtype.kind
    return {"f": np.nan, "U": "", "S": b""}.get(kind, 0)


def _json_differences(one, two):
    old, new = (_flat(json.loads(path.read_text(encoding="utf-8"))) for path in (one, two))
    for key, value in old.items():
        if key not in new:
            yield f"{key} is missing"
        elif isinstance(value, float | int) and isinstance(new[key], float | int):
            if not np.isclose(value, new[key], rtol=TOLERANCE, atol=0):
                yield f"{key}: {value} and {new[key]}"
        elif value != new[key]:
            yield f"{key}: {value} and {new[key]}"


def _flat(value, path=""):
    """Leaves of nested JSON by their path, without what depends on the clock."""
    if isinstance(value, dict):
        items = [(RENAMED.get(k, k), v) for k, v in value.items() if not _is_time(k)]
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {path: value}
    leaves = {}
    for key, entry in items:
        leaves |= _flat(entry, f"{path}/{key}")
    return leaves


def _is_time(key):
    return "seconds" in key.lower() or key in ("CPU_SECS", "TIME_ML", "TIME_FS")


def _npz_differences(one, two):
    with np.load(one, allow_pickle=False) as old, np.load(two, allow_pickle=False) as new:
        for name in old.files:
            if name not in new.files:
                yield f"{name} is missing"
            else:
                yield from _array_differences(name, old[name], new[name])


if __name__ == "__main__":
    main()
