"""Compare networks and traditional detection on the frozen test skies.

    python benchmarks/skies.py -o SKIES test empty month ...
    python benchmarks/detection/methods.py lat-best traditional traditional-wrong \
        --sets test empty --skies SKIES --cache CACHE -o docs/figures/detection

A method is a network (a name or a folder), optionally with ":localizer";
`traditional`, given the true diffuse model; or `traditional-wrong`, given the named wrong one. A
set followed by ">10000" stands for the same skies above 10 GeV.

The detections of a method in a field are cached in CACHE (for a network, by its weights and
calibration; delete it when the code of the detector has changed), so the command can be interrupted
and repeated: --limit SECONDS starts no field after that time, --cached runs nothing. Methods are
compared on all fields that each of them has, and on those that all have in common. --background
gives the networks a diffuse model: the true one (`background`) or the wrong one
(`background_wrong`).
Writes OUTPUT.json, OUTPUT.md and, for each set with sources, OUTPUT_SET_methods.png and
OUTPUT_SET_METHOD.png. `fermiml evaluate` does the same for your own skies.
"""

import argparse
import logging
import math
import sys
import time
from pathlib import Path

from fermiml.evaluate import run, tables
from fermiml.evaluate.methods import method
from fermiml.evaluate.scores import plain
from fermiml.files import write_json, write_text

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine


def main():
    """Run what is missing, score, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("methods", nargs="+")
    parser.add_argument("--sets", nargs="+", default=["test"])
    parser.add_argument("--skies", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--background", default="none", help="diffuse model given to the networks")
    parser.add_argument("--cached", action="store_true")
    parser.add_argument("--limit", type=float, default=math.inf)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("fermiml.evaluate").setLevel(logging.INFO)
    deadline = time.monotonic() + options.limit
    methods = {name: method(name, options.cache, options.background) for name in options.methods}
    results = {}
    for label in options.sets:
        folder = options.skies / label.partition(">")[0]
        judged = run.judge_all(methods, label, folder, cached=options.cached, deadline=deadline)
        results[label] = run.score(methods, judged)
    text = f"{machine(600)}\n\n{tables.markdown(results)}"
    print(text)
    if options.output:
        write_text(options.output.with_suffix(".md"), text, overwrite=True)
        record = {"machine": machine(600), "sets": plain(results)}
        write_json(options.output.with_suffix(".json"), record, overwrite=True)
        tables.draw(results, options.output.parent, options.output.name)


if __name__ == "__main__":
    main()
