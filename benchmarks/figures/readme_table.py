"""Write the table of results in README.md from the output of benchmarks/detection/methods.py.

python benchmarks/figures/readme_table.py docs/figures/detection.json README.md
"""

import argparse
import json
from pathlib import Path

from fermiml.evaluate import metrics

BEGIN, END = "<!-- numbers: benchmarks/figures/readme_table.py -->", "<!-- end of numbers -->"
SHOWN = {
    "lat-best": "fermiml, without any diffuse model",
    "traditional": "iterated TS map with the true diffuse model",
    "traditional-wrong": "iterated TS map with another diffuse model",
}


def table(record):
    """Markdown: completeness at 95 % purity by zone, position error, CPU time."""
    lines = [
        "| method | fields | " + " | ".join(zone.replace("|", "\\|") for zone in metrics.ZONES)
        + " | median offset | CPU time per field |",
        "| --- " * (len(metrics.ZONES) + 4) + "|",
    ]  # fmt: skip
    for name, words in SHOWN.items():
        scores = record["sets"]["test"][name]["own"]
        cells = [
            words,
            scores["fields"],
            *(_completeness(scores["zones"][zone]) for zone in metrics.ZONES),
            f"{scores['localisation']['median']:.3f} deg",
            f"{scores['cpu_seconds']:.0f} s",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, "", f"Fields of 20 x 20 deg; {record['machine']}."])


def _completeness(zone):
    best = zone["at_purity"]
    low, high = best["interval"]
    number = zone["true_sources"]
    return f"{best['completeness']:.2f} ({low:.2f}-{high:.2f}) of {number}"


def main():
    """Put the table between its two marks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scores", type=Path)
    parser.add_argument("readme", type=Path)
    options = parser.parse_args()
    record = json.loads(options.scores.read_text(encoding="utf-8"))
    text = options.readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    new = f"{before}{BEGIN}\n{table(record)}\n{END}{after}"
    options.readme.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
