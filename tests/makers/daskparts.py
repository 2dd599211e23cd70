"""A scheduler and workers of dask in processes of their own, as a site would start them."""

import subprocess
import sys
from contextlib import contextmanager

_SCHEDULER = """
import asyncio
from distributed import Scheduler
async def main():
    async with Scheduler(host="127.0.0.1", dashboard_address="127.0.0.1:0") as it:
        print(it.address, flush=True)
        await it.finished()
asyncio.run(main())
"""
_WORKER = """
import asyncio
from distributed import Worker
async def main():
    async with Worker({address!r}, nthreads=1, host="127.0.0.1") as it:
        print(it.address, flush=True)
        await it.finished()
asyncio.run(main())
"""


@contextmanager
def _running(code):
    process = subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def scheduler():
    """Start a scheduler: the process, and its address."""
    return _running(_SCHEDULER)


def worker(address, before=""):
    """Start a worker; `before` is code that it runs first."""
    return _running(before + _WORKER.format(address=address))
