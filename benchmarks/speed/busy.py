"""Detection and fit beside other programs that keep the cores busy: wall and CPU time.

    python benchmarks/speed/busy.py FOLDER [--loops 0 2 4] [--runs 5]

FOLDER is for the simulated fields (20 deg for detection, 10 deg for the fit). Each run is a process
of its own; what it imports and reads does not count. In the table are medians, and ratios of these
to those without busy loops. CPU time should stay within 1.2 of the quiet one, wall time within 1.3
of what the fair part of the machine allows, cores / (cores + loops).
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

WIDTHS = {"detect": 20, "fit": 10}  # deg


@contextmanager
def busy(number):
    """Keep cores busy with processes that do nothing else."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(what, folder):
    """Wall and CPU time of one run in a new process."""
    command = [sys.executable, __file__, folder, "--once", what]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def once(what, folder):
    """Print wall and CPU time of one run in this process."""
    from fit import field

    from fermiml import LikelihoodFit, SourceDetector

    cube = field(folder, WIDTHS[what])
    seeds = folder / f"seeds_{WIDTHS[what]}.fits"
    detector = SourceDetector.from_pretrained()
    if what == "detect" or not seeds.is_file():
        found = detector.run(cube)  # also traces the network
        if what == "fit":
            found.write(seeds)
    start = time.perf_counter(), _cpu()
    if what == "detect":
        detector.run(cube)
    else:
        LikelihoodFit().run(seeds, cube)
    print(json.dumps([time.perf_counter() - start[0], _cpu() - start[1]]))


def _cpu():
    """CPU time of this process, its threads, and the processes that it started."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def report(what, times, cores):
    """Print the rows of the table; `times` has (wall, CPU) of the runs by number of loops."""
    medians = {
        n: [statistics.median(t) for t in zip(*runs, strict=True)] for n, runs in times.items()
    }
    quiet = medians[min(medians)]
    for loops, (wall, cpu) in medians.items():
        fair = wall / quiet[0] * cores / (cores + loops)
        print(f"| {what} | {loops} | {wall:.1f} | {cpu:.1f} | {cpu / quiet[1]:.2f} | {fair:.2f} |")


def main():
    """Run all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--loops", nargs="+", type=int, default=[0, 2, 4])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--once", choices=WIDTHS, help="one run in this process")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    if options.once:
        once(options.once, options.folder)
        return
    from fit import SEED

    from fermiml.cores import usable_cores

    print("| | busy loops | wall (s) | CPU (s) | CPU / quiet | wall / fair part |")
    print("|---|---|---|---|---|---|")
    for what in WIDTHS:
        measure(what, options.folder)  # makes the field
        times = {loops: [] for loops in options.loops}
        for _ in range(options.runs):
            for loops, runs in times.items():
                with busy(loops):
                    runs.append(measure(what, options.folder))
        report(what, times, usable_cores())
    print(machine(SEED))


if __name__ == "__main__":
    main()
