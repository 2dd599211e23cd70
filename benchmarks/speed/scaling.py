"""Cost of the pieces of work, speed-up of a cluster, and what follows for many workers.

    python benchmarks/speed/scaling.py units WORK      # cost and bytes of each kind of piece
    python benchmarks/speed/scaling.py speedup WORK    # two workers of a local cluster against one
    python benchmarks/speed/scaling.py overhead        # pieces that sleep: what dask itself costs
    python benchmarks/speed/scaling.py predict WORK    # time and price for 64 to 4096 workers

WORK is a folder for the simulated fields and for units.json, from which `predict` computes. CPU
times hardly depend on what else the machine does; wall times do, and are printed with the load.
"""

import argparse
import json
import math
import os
import pickle
import resource
import sys
import tempfile
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

from fermiml import Injection, LikelihoodFit, SkySimulator, SourceDetector, tasks
from fermiml.executors import open_executor
from fermiml.photometry.measure import measure
from fermiml.simulate.read_fields import read_sky
from fermiml.workers import prepare_quietly

SEED = 15
DASK = 0.003, 0.004  # CPU s of a piece, and of each MB of it, from `overhead`
WORKERS = (64, 256, 1024, 4096)
# Kind of piece, how many, and of what: what docs/scaling.md promises to tell.
JOBS = (
    ("simulation", 10_000, "10,000 skies of 10 x 10 deg, simulated"),
    ("injection", 10_000, "10,000 skies of 10 x 10 deg, searched"),
    ("photometry", 216, "all-sky photometry, 0.05 deg, 30 bins"),
    ("fit", 2000, "1000 likelihood regions (two pieces each)"),
)
# Pixels and bins of the all-sky task over those of the field that is measured (0.1 deg, 24 bins).
LARGER = {"photometry": 4 * 30 / 24}


def field(folder, width, number=1):
    """Settings of fields at high latitude, 24 bins from 500 MeV to 1 TeV, and the cube of one."""
    settings = {
        "seed": SEED,
        "sky": {"centers": [[60.0, 50.0]] * number, "width": width},
        "energy": {"edges": np.geomspace(500, 1e6, 25).tolist()},
        "population": {"spectra": "parametric"},
        "wrong": {"model": "none"},
    }
    return partial(SkySimulator, settings), folder


def works(folder, kinds):
    """Kind -> function that does the work with an executor."""
    found = {}
    if "simulation" in kinds:
        make, _ = field(folder, 10, 4)

        def simulate(executor):
            with tempfile.TemporaryDirectory(dir=folder) as output:
                make(jobs=executor).run(Path(output) / "skies")

        found["simulation"] = simulate
    if set(kinds) & {"fit", "injection"}:
        small = _sky(folder / "small", 20)
        clear = small.truth.filter((small.ts > 25) & np.asarray(small.truth.table["Inside"], bool))
        found["fit"] = lambda executor: LikelihoodFit(jobs=executor).run(clear, small.cube)
    if "injection" in kinds:
        ten = _sky(folder / "ten", 10)
        detector = SourceDetector.from_pretrained(photometry=False)

        def inject(executor):
            with tempfile.TemporaryDirectory(dir=folder) as output:
                Injection(detector, rounds=4, jobs=executor).run(ten.cube, Path(output) / "out")

        found["injection"] = inject
    if "photometry" in kinds:
        large = _sky(folder / "large", 42)
        seen = large.truth.filter((large.ts > 16) & np.asarray(large.truth.table["Inside"], bool))
        found["photometry"] = lambda executor: measure(large.cube, seen.positions, jobs=executor)
    return {kind: found[kind] for kind in kinds}


def _sky(folder, width):
    make, folder = field(folder, width)
    make().run(folder)
    return read_sky(folder)


class Recorder(Executor):
    """Has each piece done by one worker process, and notes what it costs."""

    in_flight = 1

    def __init__(self, worker, most):
        self._worker, self._most, self.pieces, self._ended = worker, most, [], None

    def submit(self, function, task):
        if len(self.pieces) == self._most:
            raise _EnoughError
        sent = len(pickle.dumps((function, task), protocol=5))
        between = np.nan if self._ended is None else time.process_time() - self._ended
        result, cpu, memory = self._worker.submit(_measured, function, task).result()
        back = len(pickle.dumps(result, protocol=5))
        self.pieces.append((cpu, sent / 1e6, back / 1e6, memory, between))
        self._ended = time.process_time()
        future = Future()
        future.set_result(result)
        return future


class _EnoughError(Exception):
    pass


def _measured(function, task):
    """Result, CPU s, and the largest memory (GB) of the process so far."""
    start = time.process_time()
    result = function(task)
    return result, time.process_time() - start, _memory()


def units(folder, kinds, most):
    """Print and return, for each kind, what a piece costs."""
    print("kind        pieces   CPU s (mean, largest)   MB there   MB back   memory (GB)   "
          "CPU s of the sender")  # fmt: skip
    result = {}
    for kind, work in works(folder, kinds).items():
        with ProcessPoolExecutor(1, get_context("spawn"), prepare_quietly) as worker:
            recorder = Recorder(worker, most)
            with suppress(_EnoughError):
                work(recorder)
        cpu, sent, back, memory, between = np.array(recorder.pieces).T
        spare = np.nanmedian(between)  # what precedes the first piece is done once
        result[kind] = {"pieces": len(cpu), "cpu": cpu.mean(), "largest": cpu.max(),
                        "sent": sent.mean(), "back": back.mean(), "memory": memory.max(),
                        "spare": spare}  # fmt: skip
        print(f"{kind:<12}{len(cpu):>6}{cpu.mean():>16.2f}{cpu.max():>8.2f}{sent.mean():>11.2f}"
              f"{back.mean():>10.3f}{memory.max():>14.2f}{spare:>22.3f}", flush=True)  # fmt: skip
    return result


def speedup(folder, kinds):
    """Print wall and CPU time with one and with two workers, and the memory of these."""
    print("kind        workers   wall s   CPU s of workers   memory (GB)   load")
    for kind, work in works(folder, kinds).items():
        walls = []
        for number in (1, 2):
            with open_executor(f"local:{number}") as executor:
                executor._client.run(_import)
                cpu = sum(executor._client.run(time.process_time).values())
                start = time.perf_counter()
                work(executor)
                walls.append(time.perf_counter() - start)
                cpu = sum(executor._client.run(time.process_time).values()) - cpu
                memory = max(executor._client.run(_memory).values())
                print(f"{kind:<12}{number:>7}{walls[-1]:>9.1f}{cpu:>19.1f}{memory:>14.2f}"
                      f"{os.getloadavg()[0]:>7.1f}", flush=True)  # fmt: skip
        print(f"{kind}: two workers are {walls[0] / walls[1]:.2f} times as fast as one")


def _import():
    import fermiml.likelihood.gammapy_engine
    import fermiml.photometry.measure
    import fermiml.simulate.skies  # noqa: F401


def _memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _sleep(task):
    time.sleep(task[0])


def overhead(count=400, processes=2):
    """Print the pieces per second that pass through one scheduler, by their size.

    The workers are threads of a few processes: sleeping, they need no cores.
    """
    from distributed import Client, LocalCluster

    from fermiml.cluster import ClusterExecutor

    print("workers   MB a piece   slept s   pieces/s   CPU s of sender and scheduler a piece")
    for workers in (16, 64, 256):
        cluster = LocalCluster(n_workers=processes, threads_per_worker=workers // processes,
                               dashboard_address="127.0.0.1:0")  # fmt: skip
        with cluster, Client(cluster, set_as_default=False) as client:
            executor = ClusterExecutor(client, 60.0)
            for size in (1e3, 1e6, 5e6):
                number = count if size < 5e6 else count // 4
                given = ((0.05, np.random.default_rng(i).bytes(int(size))) for i in range(number))
                start = time.perf_counter(), time.process_time()
                tasks.run(_sleep, given, executor, count=number, what="piece", progress=False)
                wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
                print(f"{workers:>7}{size / 1e6:>13.3f}{0.05:>10.2f}{number / wall:>11.1f}"
                      f"{cpu / number:>20.4f}", flush=True)  # fmt: skip


def predict(units, price):
    """Print the time and the price of large jobs."""
    print("work                                          workers   hours   core hours   price")
    for kind, count, what in JOBS:
        if kind not in units:
            continue
        one, larger = units[kind], LARGER.get(kind, 1.0)
        cpu = one["cpu"] * larger
        serial = larger * (one["spare"] + DASK[1] * one["sent"]) + DASK[0]
        for workers in WORKERS:
            busy = min(workers, count)
            wall = max(math.ceil(count / busy) * cpu, count * serial)
            paid = workers * wall / 3600
            print(f"{what:<46}{workers:>7}{wall / 3600:>8.2f}{paid:>13.0f}{price * paid:>8.0f}")
        print(f"{'':<46}grows to about {min(count, cpu / serial):.0f} workers")


def main():
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("units", "speedup", "overhead", "predict"))
    parser.add_argument("work", type=Path, nargs="?")
    parser.add_argument("--kinds", nargs="+", default=["fit", "photometry", "simulation",
                                                       "injection"])  # fmt: skip
    parser.add_argument("--price", type=float, default=0.04, help="of a core hour")
    parser.add_argument("--pieces", type=int, help="of each kind, at most")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} at the start")
    if options.what == "overhead":
        overhead()
    elif options.what == "speedup":
        options.work.mkdir(exist_ok=True)
        speedup(options.work, options.kinds)
    else:
        options.work.mkdir(exist_ok=True)
        record = options.work / "units.json"
        found = json.loads(record.read_text()) if record.is_file() else {}
        if options.what == "units":
            found |= units(options.work, options.kinds, options.pieces)
            record.write_text(json.dumps(found, indent=1))
        else:
            predict(found, options.price)
    print(machine(SEED))


if __name__ == "__main__":
    main()
