"""Compare the installed responses with gtpsf and gtexpcube2 files of real analyses.

FERMIML_TEST_DATA=... python benchmarks/response/accuracy.py [--figure docs/figures]
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np

from fermiml import SkyCube
from fermiml.fitsmaps import read_nodes_map
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response
from fermiml.sky.read.complete import read_psf

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

GTPSF = [
    ("3fhl_gc/fermi-3fhl-gc-psf-cube.fits.gz", "P8R2_SOURCE_V6", 3),
    ("gc_clean_psf23/psf_00.fits", "P8R3_CLEAN_V3", 16),
    ("gc_clean_psf23/psf_01.fits", "P8R3_CLEAN_V3", 32),
    ("crab_fermipy/psf_00.fits", "P8R3_SOURCEVETO_V3", 4),
    ("crab_fermipy/psf_01.fits", "P8R3_SOURCEVETO_V3", 8),
]
EXPOSURES = [
    ("3fhl_allsky/fermi_3fhl_counts_cube_hpx.fits.gz",
     "3fhl_allsky/fermi_3fhl_exposure_cube_hpx.fits.gz"),
    ("3fhl_gc/fermi-3fhl-gc-counts-cube.fits.gz", "3fhl_gc/fermi-3fhl-gc-exposure-cube.fits.gz"),
    ("pg1553_100mev/ccube_00.fits.gz", "pg1553_100mev/bexpmap_roi_00.fits.gz"),
    ("crab_fermipy/ccube_00.fits", "crab_fermipy/bexpmap_00.fits.gz"),
    ("crab_fermipy/ccube_01.fits", "crab_fermipy/bexpmap_01.fits.gz"),
]  # fmt: skip


def compare_psf(folder):
    """Ratio of containment radii, ours over gtpsf's, above 4 GeV."""
    print("\ncontainment radius over that of gtpsf, smallest and largest above 4 GeV")
    for file, name, evtype in GTPSF:
        gtpsf, response = read_psf(folder / file, None), load_response(name, evtype)
        energy = gtpsf.energy[gtpsf.energy > 3.9e3]
        for fraction in (0.68, 0.95):
            ratio = response.psf.containment_radius(energy, fraction)
            ratio /= gtpsf.containment_radius(energy, fraction)
            label = f"{name} {'+'.join(response.types)}"
            print(f"{label:<32} r{fraction * 100:.0f}  {ratio.min():.3f} - {ratio.max():.3f}")
    r68 = load_response("P8R3_SOURCE_V3").psf.containment_radius([1e3, 1e4], 0.68)
    print(f"P8R3_SOURCE_V3 FRONT+BACK r68: {r68[0]:.3f} deg at 1 GeV, {r68[1]:.4f} at 10 GeV")


def compare_exposure(folder):
    """Ratio of exposures, estimated from the good time over gtexpcube2's."""
    print("\nestimated exposure over that of gtexpcube2: mean, rms, smallest, largest")
    for counts, exposure in EXPOSURES:
        component = SkyCube.read(folder / counts).components[0]
        real = read_nodes_map(folder / exposure, "cm2 s", component.geom.frame)
        position = component.pixel_positions()[component.mask][::11]
        edges = component.energy_edges
        energy = np.sqrt(edges[1:] * edges[:-1])
        ratio = exposures.sample(component.exposure, position, energy)
        ratio /= exposures.sample(real, position, energy)
        print(
            f"{counts:<50} {ratio.mean():.3f} {ratio.std():.3f} {ratio.min():.3f} {ratio.max():.3f}"
        )


def draw(folder, output):
    """Containment radii of all event types, with those of the gtpsf files as points."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True)
    energy = np.geomspace(1e2, 1e6, 80)
    sums = {"FRONT+BACK": 3, "PSF0": 4, "PSF1": 8, "PSF2": 16, "PSF3": 32}
    for ax, fraction in zip(axes, (0.68, 0.95), strict=True):
        for number, (label, evtype) in enumerate(sums.items()):
            psf = load_response("P8R3_CLEAN_V3", evtype).psf
            radius = psf.containment_radius(energy, fraction)
            ax.loglog(energy / 1e3, radius, color=f"C{number}", label=f"P8R3_CLEAN_V3 {label}")
        old = load_response("P8R2_SOURCE_V6").psf
        radius = old.containment_radius(energy, fraction)
        ax.loglog(energy / 1e3, radius, "k--", lw=1, label="P8R2_SOURCE_V6 FRONT+BACK")
        for (file, *_), color in zip(GTPSF[:3], ("k", "C3", "C4"), strict=True):
            gtpsf = read_psf(folder / file, None)
            points = slice(None, None, 3 if len(gtpsf.energy) > 20 else 1)
            radius = gtpsf.containment_radius(gtpsf.energy, fraction)
            ax.loglog(
                gtpsf.energy[points] / 1e3, radius[points], "o", color=color, ms=4, mfc="none"
            )
        ax.set(xlabel="energy (GeV)", title=f"{fraction:.0%} containment; circles: gtpsf")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("radius (deg)")
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(Path(output) / "psf_containment.png", dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", help="folder for psf_containment.png")
    options = parser.parse_args()
    folder = Path(os.environ["FERMIML_TEST_DATA"]) / "real"
    print(machine("none"))
    compare_psf(folder)
    compare_exposure(folder)
    if options.figure:
        draw(folder, options.figure)


if __name__ == "__main__":
    main()
