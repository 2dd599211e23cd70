"""What becomes of damaged inputs? Seeded mutations of every kind of file that fermiml reads.

    python benchmarks/development/mutate.py --number 10000 --seed 1 --sums

Bytes are changed, header values and words replaced, lines repeated, and files cut; each result is
read as `fermiml` would. An outcome is "refused" (one InputError), "accepted, same" (what is read is
as before), "accepted, other" (with or without a warning), or a fault: any other exception, an
error of several lines, more than 20 s of CPU time or 4 GB of memory. What was accepted, other and
without a warning, is told with what was changed.
"""

import argparse
import json
import logging
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine
from makers import inputs

from fermiml import InputError

LONGEST = 20  # s of CPU time
MOST = 4.0  # GB
_NEVER = 16  # GB that no mutation may take from the machine
VALUES = (b"'x'", b"-1", b"0", b"NaN", b"1E300", b"1E-300", b"99999999999", b"T", b"''")
WORDS = (*VALUES, b"[]", b"{}", b"null", b".inf", b"-0.0", b"[[[[", b"1e999", b"!!int x", b"\x00",
         b"&a [*a]", b"<x>", b"\xff\xfe", b'"', b"\n", b"=1+1")  # fmt: skip


def main():
    """Mutate, read, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sums", action="store_true", help="with DATASUM and CHECKSUM")
    parser.add_argument("--kinds", nargs="*", help="only these")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("fermiml").propagate = False
    logging.getLogger("fermiml").addHandler(logging.NullHandler())
    np.seterr(all="ignore")
    signal.signal(signal.SIGPROF, too_long)
    resource.setrlimit(resource.RLIMIT_AS, (_NEVER * 2**30, _NEVER * 2**30))
    print(machine(options.seed), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        made = inputs.make(Path(folder), options.sums)
        made = {kind: made[kind] for kind in options.kinds or made}
        report(mutate_all(made, options.number, options.seed))


def mutate_all(made, number, seed):
    """Count outcomes by kind of input."""
    expected = {kind: listen(given.read) for kind, given in made.items()}
    outcomes = Counter()
    for count in range(number):
        random = np.random.default_rng([seed, count])
        kind = list(made)[count % len(made)]
        given = made[kind]
        content = given.path.read_bytes()
        changed, what = (mutated_text if given.is_text else mutated)(content, random)
        given.path.write_bytes(changed)
        outcome = judge(given.read, expected[kind])
        given.path.write_bytes(content)
        outcomes[kind, outcome.partition(":")[0]] += 1
        if outcome.startswith("FAULT") or outcome == "accepted, other":
            print(f"{kind}, mutation {count} ({what}): {outcome}", flush=True)
    return outcomes


def report(outcomes):
    """Print how many of each outcome there were, by kind and in all."""
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:<24} {outcome:<28} {count}")
    total = Counter()
    for (_, outcome), count in outcomes.items():
        total[outcome] += count
    for outcome, count in sorted(total.items()):
        print(f"{'all':<24} {outcome:<28} {count}")


def mutated(content, random):
    """A binary file with something wrong in it, and what that is."""
    content = bytearray(content)
    way = random.choice(["byte", "bytes", "value", "cut", "zeros"], p=[0.3, 0.1, 0.45, 0.1, 0.05])
    place = int(random.integers(len(content)))
    if way == "value":
        cards = [i for i in range(0, len(content) - 80, 80) if content[i + 8 : i + 10] == b"= "]
        if cards:
            card = int(random.choice(cards))
            value = VALUES[random.integers(len(VALUES))]
            before = bytes(content[card : card + 30])
            content[card + 10 : card + 30] = value.rjust(20)
            return bytes(content), f"{before} -> {value}"
    if way == "cut":
        return bytes(content[:place]), f"cut to {place} bytes"
    length = 1 if way == "byte" else int(random.integers(2, 2000))
    here = slice(place, min(place + length, len(content)))
    size = here.stop - here.start
    content[here] = bytes(size) if way == "zeros" else random.bytes(size)
    return bytes(content), f"{size} bytes from {place} on"


def mutated_text(content, random):
    """A text with something wrong in it, and what that is."""
    way = random.choice(["bytes", "word", "line", "cut"], p=[0.1, 0.7, 0.1, 0.1])
    if way == "bytes":
        return mutated(content, random)
    place = int(random.integers(len(content)))
    if way == "cut":
        return content[:place], f"cut to {place} bytes"
    if way == "line":
        lines = content.splitlines(keepends=True)
        row, other = random.integers(len(lines), size=2)
        lines.insert(row, lines[other])
        return b"".join(lines), f"line {other} again as line {row}"
    length, word = int(random.integers(12)), WORDS[random.integers(len(WORDS))]
    before = content[place : place + length]
    return content[:place] + word + content[place + length :], f"{before} -> {word}"


def too_long(*_):
    """The alarm."""
    raise TimeoutError(f"more than {LONGEST} s")


def listen(read):
    """What is read, and the warnings given with it."""
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("fermiml")
    logger.addHandler(handler)
    try:
        return read(), said
    finally:
        logger.removeHandler(handler)


def judge(read, expected):
    """The outcome of a reading, in words."""
    reset_peak()
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        found, said = listen(read)
    except InputError as error:
        outcome = "refused" if "\n" not in str(error) else "FAULT: several lines"
    except Exception as error:  # what is looked for
        outcome = f"FAULT: {type(error).__name__}: {' '.join(str(error).split())[:80]}"
    else:
        same, warned = json.dumps(found) == json.dumps(expected[0]), set(said) - set(expected[1])
        outcome = "accepted, same" if same else f"accepted, other{', warned' if warned else ''}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if peak() > MOST:
        return f"FAULT: {peak():.1f} GB ({outcome})"
    return outcome


def reset_peak():
    """Forget how much memory the process has had (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak():
    """The most memory in GB since then."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


if __name__ == "__main__":
    main()
