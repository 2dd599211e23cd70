"""Compare the radial profile of bright sources in real data with the simulated PSF.

    FERMIML_TEST_DATA=... python benchmarks/simulation/psf.py -o docs/figures

The events of two FT1 files above 1 GeV are binned in 0.04 deg pixels. Counts in rings
around the bright, isolated sources, minus the counts expected from everything else with fitted
norms, are stacked and compared with the sources' own expected counts in the same rings.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import reality
from astropy.coordinates import SkyCoord

from fermiml.model import from_catalog

BRIGHT = {
    "j2024_ft1": ("4FGL J2017.4+0602", "4FGL J2025.2+0317", "4FGL J2023.6-0123"),
    "pg1553_100mev": ("4FGL J1555.7+1111", "4FGL J1608.7+1029", "4FGL J1548.3+1456"),
}
RINGS = np.array([0, 0.1, 0.2, 0.3, 0.45, 0.65, 0.9, 1.3, 1.8, 2.5])
FINE = {"binsz": 0.04, "emin": 1000.0}
PG1553 = {"center": SkyCoord(238.931, 11.188, unit="deg"), "width": 7.0}
CASES = (
    reality.Case(
        "j2024_ft1",
        "j2024_ft1/ft1.fits.gz",
        "iso_P8R2_SOURCE_V6_v06.txt",
        FINE,
        apart=BRIGHT["j2024_ft1"],
    ),
    reality.Case(
        "pg1553_100mev",
        "pg1553_100mev/ft1_00.fits.gz",
        "iso_P8R3_SOURCE_V3_v1.txt",
        FINE | PG1553,
        exposure="pg1553_100mev/bexpmap_roi_00.fits.gz",
    ),
)


def rings(component, parts, norms, source):
    """Observed less everything else, expected of the source, and all expected, by ring."""
    own, names = from_catalog.own_sources(from_catalog.find("4FGL-DR4"))
    own = own[names == source]
    center = SkyCoord(own.lon, own.lat, unit="deg", frame="galactic")[0]
    away = component.pixel_positions().separation(center).deg
    model = sum(norms[n] * p for n, p in parts.items()).sum(axis=0)
    signal = (norms[source] * parts[source]).sum(axis=0)
    observed = component.counts.data.sum(axis=0)
    weights = (observed - (model - signal), signal, model)
    use = component.mask
    return [np.histogram(away[use], RINGS, weights=w[use])[0] for w in weights]


def stacked(folder, inclined):
    """The rings of all bright sources together: (observed, expected, all) by ring."""
    total = np.zeros((3, len(RINGS) - 1))
    for case in CASES:
        component, _, parts = reality.templates(case, folder, inclined)
        norms = reality.fit_norms(component, parts)
        for name in BRIGHT[case.name]:
            if name in parts:
                total += rings(component, parts, norms, name)
                print(f"{case.name}: {name}, {parts[name].sum() * norms[name]:.0f} events")
    return total


def main():
    """Print the tables, draw the profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    folder = Path(os.environ["FERMIML_TEST_DATA"])
    for inclined in (False, True):
        print("PSF for the field's inclinations" if inclined else "PSF as installed")
        total = stacked(folder, inclined)
        seen, expected, noise = np.cumsum(total, axis=1)
        print(f"{'radius':>7}{'observed':>10}{'expected':>10}{'ratio':>8}{'error':>8}{'held':>8}")
        for i, radius in enumerate(RINGS[1:]):
            ratio, error = seen[i] / expected[i], np.sqrt(noise[i]) / expected[i]
            print(f"{radius:>7.2f}{seen[i]:>10.0f}{expected[i]:>10.0f}"
                  f"{ratio:>8.3f}{error:>8.3f}{expected[i] / expected[-1]:>8.2f}")  # fmt: skip
    if options.output:
        plot(total, options.output / "psf_profile.png")


def plot(total, path):
    """Surface brightness of the stacked sources, data and PSF."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    area = np.pi * np.diff(RINGS**2)
    middle = 0.5 * (RINGS[1:] + RINGS[:-1])
    figure, axis = plt.subplots(figsize=(5.5, 4))
    axis.errorbar(middle, total[0] / area, np.sqrt(total[2]) / area, fmt="o", label="data")
    axis.step(RINGS, np.append(total[1], total[1][-1]) / np.append(area, area[-1]),
              where="post", label="simulated PSF")  # fmt: skip
    axis.set(xlabel="radius (deg)", ylabel="events per deg2", yscale="log")
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
