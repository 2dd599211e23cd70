"""CPU time and peak memory of commands from the shell, and what of it is importing gammapy's maps.

    python benchmarks/speed/startup.py COUNTS [--runs 3]

CPU times, of the process and its threads, hardly depend on what else the machine does; on quiet
cores they are about the wall times. The fastest run counts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

# Modules of an installed package are compiled once, not at every start.
COMPILED = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
CALL = "from fermiml.cli.main import main; main()"


def commands(counts, folder):
    """What is measured: label and arguments of Python."""
    detect = ["detect", counts, "--known", "none", "--overwrite", "-o", f"{folder}/ml.fits"]
    return {
        "import gammapy.maps": ["-c", "import gammapy.maps"],
        "fermiml --help": ["-c", CALL, "--help"],
        "fermiml info": ["-c", CALL, "info", counts],
        "fermiml detect --no-photometry": ["-c", CALL, *detect, "--no-photometry"],
        "fermiml detect": ["-c", CALL, *detect],
    }


def measured(arguments):
    """CPU seconds and peak memory (MB) of a process."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *arguments], **quiet, env=COMPILED)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    """Print a row for each command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print("| command | CPU (s) | peak memory (MB) |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for label, arguments in commands(options.counts, folder).items():
            cpu, memory = min(measured(arguments) for _ in range(options.runs))
            print(f"| `{label}` | {cpu:.2f} | {memory:.0f} |", flush=True)
    print(f"{machine('none')}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
