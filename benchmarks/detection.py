"""Detection on the frozen test skies: networks and traditional detection, side by side.

    python benchmarks/skies.py -o SKIES test empty month ...
    python benchmarks/detection.py lat-best traditional traditional-wrong --sets test empty \
        --skies SKIES --cache CACHE -o docs/figures/detection

A method is a network (a name or a folder), with ":localizer" if another than its own is wanted;
`traditional`, given the true diffuse model; or `traditional-wrong`, given the named wrong one. A
set followed by ">10000" stands for the same skies above 10 GeV.

What a method finds in a field is kept in CACHE (of a network: by its weights and calibration;
delete it when the code of the detector has changed). So the command can be stopped and repeated:
--limit SECONDS begins no field after that time, --cached runs nothing. Methods are compared on
all fields that each of them has, and on those that all of them have. Writes OUTPUT.json and
OUTPUT.png.
"""

import argparse
import hashlib
import json
import math
import time
from pathlib import Path

from machine import machine

from fermiml.evaluate import benchmark, metrics
from fermiml.evaluate.skies import read_sky
from fermiml.files import write_text
from fermiml.likelihood.traditional import detect_traditional, is_cached

TRADITIONAL = {"traditional": "background", "traditional-wrong": "background_wrong"}
SIGMA = 5.0  # at which traditional detection is meant to be used
LOWEST = 0.02  # ML_Prob to which catalogs go down, for the curves
FALSE_AT = {True: (3.5, 4.0, 4.5, 5.0, 6.0), False: (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)}


class Traditional:
    """Iterated TS maps, given a diffuse model."""

    default = SIGMA

    def __init__(self, name, cache):
        self.background, self._cache = TRADITIONAL[name], cache / "traditional"

    def has(self, sky, name):
        """Whether the catalog of a sky is there."""
        return is_cached(sky.cube, cache=self._cache)

    def find(self, sky, name):
        """Catalog and run time of a sky."""
        catalog = detect_traditional(sky.cube, cache=self._cache)
        meta = catalog.table.meta
        return catalog, {"seconds": meta["SECONDS"], "cpu_seconds": meta["CPU_SECS"]}


class Network:
    """A network and a localizer; the diffuse model is not shown to it."""

    background = "none"

    def __init__(self, name, cache):
        from fermiml.detect.detector import SourceDetector

        name, _, localizer = name.partition(":")
        settings = {"localizer": localizer} if localizer else {}
        self.default = SourceDetector.from_pretrained(name, **settings).threshold
        self._detector = SourceDetector.from_pretrained(name, threshold=LOWEST, **settings)
        card = self._detector.network.card
        known = json.dumps([card["sha256"], card.get("operating")], sort_keys=True)
        digest = hashlib.sha256(known.encode()).hexdigest()[:12]
        self._cache = cache / f"{Path(name).name}-{self._detector.localizer}-{digest}"

    def has(self, sky, name):
        """Whether the catalog of a sky is there."""
        return (self._cache / f"{name}.json").is_file()

    def find(self, sky, name):
        """Catalog and run time of a sky."""
        return benchmark.kept(self._cache / f"{name}.fits", lambda: self._detector.run(sky.cube))


def method(name, cache):
    """A method by name."""
    return Traditional(name, cache) if name in TRADITIONAL else Network(name, cache)


def judge_field(chosen, label, folder, cached):
    """A method's catalog of a field beside its truth; None if it would have to be made."""
    _, _, lowest = label.partition(">")
    sky = read_sky(folder, chosen.background, float(lowest) if lowest else None)
    name = f"{label.replace('>', '_above_')}_{folder.name}"
    if cached and not chosen.has(sky, name):
        return None
    catalog, spent = chosen.find(sky, name)
    return benchmark.judge(catalog, sky, spent)


def judge_all(methods, label, folder, cached, deadline):
    """{method: {field: judged}} of a set; field by field, so that a part of it is balanced."""
    fields = sorted(path.parent for path in folder.glob("*/truth.fits"))
    judged = {name: {} for name in methods}
    for field in fields:
        for name, chosen in methods.items():
            if time.monotonic() > deadline:
                return judged
            result = judge_field(chosen, label, field, cached)
            if result is not None:
                judged[name][field.name] = result
                seconds = result.spent["seconds"]
                print(f"{label} {field.name} {name}: {len(result.catalog)} sources, "
                      f"{seconds:.1f} s", flush=True)  # fmt: skip
    return judged


def score(methods, judged):
    """Metrics of every method on its own fields, and on those that all have."""
    common = set.intersection(*(set(fields) for fields in judged.values()))
    result = {}
    for name, fields in judged.items():
        if fields:
            result[name] = {"own fields": _score(methods[name], list(fields.values()))}
            if 0 < len(common) < len(fields):
                shared = [fields[field] for field in sorted(common)]
                result[name]["common fields"] = _score(methods[name], shared)
    return result


def _score(chosen, judged):
    if not any((j.comparison.ts > 0).any() for j in judged):  # skies without sources
        thresholds = sorted({*FALSE_AT[isinstance(chosen, Traditional)], chosen.default})
        return {"fields": len(judged), "false sources per 1000 deg2":
                benchmark.false_sources(judged, thresholds)}  # fmt: skip
    return benchmark.summary(judged, chosen.default)


def finite(value):
    """The same without NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def table(results):
    """The headline as text."""
    lines = [f"{'set':<14}{'method':<26}{'fields':>7}  completeness at 95 % purity (true sources)"]
    for label, by_method in results.items():
        for name, kinds in by_method.items():
            for kind, r in kinds.items():
                if "zones" in r:
                    zones = [_cell(z) for zone, z in r["zones"].items() if zone != "all"]
                    lines.append(f"{label:<14}{name + ', ' + kind.split()[0]:<26}"
                                 f"{r['fields']:>7}  {'  '.join(zones)}")  # fmt: skip
    return "\n".join(lines)


def _cell(zone):
    best = zone["at 95 % purity"]
    low, high = best["interval"]
    number = zone["true sources, TS > 25"]
    return f"{best['completeness']:.3f} ({low:.3f}-{high:.3f}, {number})"


def plot(results, path):
    """Completeness against purity, and against oracle TS at 95 % purity, zone by zone."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    zones = list(metrics.ZONES)
    figure, axes = plt.subplots(2, len(zones), figsize=(11, 7), sharey="row")
    for column, zone in enumerate(zones):
        for name, kinds in results.items():
            curve = kinds["own fields"]["zones"][zone]["curve"]
            axes[0, column].plot(curve["purity"], curve["completeness"], label=name, lw=1.2)
            rows = kinds["own fields"]["zones"][zone]["by TS"]
            x = [r["TS"][0] for r in rows]
            axes[1, column].plot(x, [r["found"][0] for r in rows], "o-", ms=3, lw=1.2)
        axes[0, column].axvline(metrics.PURITY, color="0.7", lw=0.8)
        axes[0, column].set(title=zone, xlim=(0.7, 1.0), ylim=(0.3, 1.0), xlabel="purity")
        axes[1, column].axvline(metrics.DETECTABLE, color="0.7", lw=0.8)
        axes[1, column].set(xscale="log", ylim=(0, 1.02), xlabel="oracle TS, from")
    axes[0, 0].set_ylabel("completeness, oracle TS > 25")
    axes[1, 0].set_ylabel("completeness at 95 % purity")
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main():
    """Run what is missing, score, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("methods", nargs="+")
    parser.add_argument("--sets", nargs="+", default=["test"])
    parser.add_argument("--skies", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--cached", action="store_true")
    parser.add_argument("--limit", type=float, default=math.inf)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    deadline = time.monotonic() + options.limit
    methods = {name: method(name, options.cache) for name in options.methods}
    results = {}
    for label in options.sets:
        folder = options.skies / label.partition(">")[0]
        judged = judge_all(methods, label, folder, options.cached, deadline)
        results[label] = score(methods, judged)
    print(machine(600))
    print(table(results))
    if options.output:
        record = {"machine": machine(600), "sets": results}
        path = options.output.with_suffix(".json")
        write_text(path, json.dumps(finite(record), indent=1), overwrite=True)
        if results.get("test"):
            plot(results["test"], options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
