"""Take the pictures of the demo: its own, and screenshots of ds9, TOPCAT and a browser.

    fermiml demo -o DEMO
    python benchmarks/figures/screenshots.py DEMO -o docs/figures [--only demo report ...]

Needs chromium for the report; Xvfb, ds9, TOPCAT, xdotool and ImageMagick's import and convert for
the other programs.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from gammapy.maps import Map

PICTURES = ("demo", "report", "programs")
DISPLAY = ":77"
SIZE = "1100x800"


@contextmanager
def screen():
    """A virtual screen of its own."""
    server = subprocess.Popen(
        ["Xvfb", DISPLAY, "-screen", "0", f"{SIZE}x24"], stderr=subprocess.DEVNULL
    )
    time.sleep(2)
    try:
        yield {**os.environ, "DISPLAY": DISPLAY}
    finally:
        server.terminate()
        server.wait()


def shoot(command, output, wait, env, keys=()):
    """Start a program, wait for it, do something with the mouse, and take a picture."""
    program = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(wait)
        for key in keys:
            subprocess.run(["xdotool", *key], env=env, check=True)
            time.sleep(4)
        subprocess.run(["import", "-window", "root", str(output)], env=env, check=True)
        subprocess.run(["convert", str(output), "-trim", "-colors", "128", str(output)], check=True)
    finally:
        program.terminate()
        program.wait()


def programs(demo, out, wait):
    """Show the demo's files in ds9 and TOPCAT."""
    with tempfile.TemporaryDirectory() as folder, screen() as env:
        image = Path(folder) / "counts.fits"
        cube = Map.read(demo / "sky" / "counts.fits")
        cube.sum_over_axes(["energy"], keepdims=False).write(image)
        ds9 = ["ds9", str(image), "-geometry", SIZE, "-smooth", "yes", "-smooth", "radius", "2",
               "-scale", "sqrt", "-cmap", "b", "-regions", str(demo / "sources.reg"),
               "-zoom", "to", "fit"]  # fmt: skip
        shoot(ds9, out / "screen_ds9.png", wait, env)
        topcat = ["topcat", str(demo / "compare.fits")]
        choose, browse = (
            ("mousemove", "60", "97", "click", "1"),
            ("mousemove", "161", "40", "click", "1"),
        )
        shoot(topcat, out / "screen_topcat.png", 2 * wait, env, keys=[choose, browse])


def report(demo, out):
    """Show the report in a browser."""
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000",
         f"--screenshot={out / 'screen_report.png'}", (demo / "compare.html").as_uri()],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def main():
    """Take all pictures, or some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/figures"))
    parser.add_argument("--wait", type=float, default=20, help="seconds until a program is ready")
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=PICTURES)
    options = parser.parse_args()
    demo, out = options.demo.resolve(), options.output.resolve()
    if "demo" in options.only:
        shutil.copy(demo / "found.png", out / "demo_found.png")
        shutil.copy(demo / "overview.png", out / "plot_overview.png")
    if "report" in options.only:
        report(demo, out)
    if "programs" in options.only:
        programs(demo, out, options.wait)


if __name__ == "__main__":
    main()
