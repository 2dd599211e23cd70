"""Compare the numbers of sources in ten simulated skies of each preset with 4FGL-DR4.

    python benchmarks/simulation/population.py -o docs/figures

Needs fermipy (its catalogs). Also the mean intensity of the faint sources against the
isotropic spectrum that is lowered by it.
"""

import argparse
from pathlib import Path

import numpy as np

from fermiml.model import diffuse, from_catalog
from fermiml.simulate import populations
from fermiml.simulate.populations import PRESETS

SKIES = 10
FLUXES = (2e-10, 5e-10, 1e-9, 2e-9, 5e-9, 1e-8)
ZONES = ((20, 90), (10, 20), (0, 10))


def count(sources, zone):
    """Sources above each flux in a zone of |b|."""
    flux, lat = sources.flux1000, np.abs(sources.lat)
    return np.array([np.sum((flux > f) & (lat >= zone[0]) & (lat < zone[1])) for f in FLUXES])


def main():
    """Print the tables, draw N(>S)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    shapes = populations.library("4FGL-DR4")
    catalog = from_catalog.own_sources(from_catalog.find("4FGL-DR4"))[0]
    curves = {"4FGL-DR4": catalog}
    print(f"{'|b|':<8}{'sky':<10}" + "".join(f"{f:>9.0e}" for f in FLUXES))
    drawn = {
        name: [populations.draw(law, shapes, np.random.default_rng(s), faintest=1e-10)
               for s in range(SKIES)]
        for name, law in PRESETS.items()
    }  # fmt: skip
    for zone in ZONES:
        label = f"{zone[0]}-{zone[1]}"
        print(f"{label:<8}{'4FGL-DR4':<10}" + "".join(f"{n:>9}" for n in count(catalog, zone)))
        for name, skies in drawn.items():
            mean = np.mean([count(s, zone) for s in skies], axis=0)
            print(f"{label:<8}{name:<10}" + "".join(f"{n:>9.1f}" for n in mean))
    energy = np.array([300, 1e3, 3e3, 1e4, 1e5])
    iso = diffuse.embedded_isotropic("P8R3_SOURCE_V3").intensity([0], [0], energy)[:, 0]
    print("fraction of the isotropic intensity that faint sources (1e-12 to 1.5e-10) make, at "
          + ", ".join(f"{e / 1e3:g}" for e in energy) + " GeV")  # fmt: skip
    for name, law in PRESETS.items():
        share = populations.faint_spectrum(law, shapes, 1.5e-10, energy) / iso
        number = sum(law.count(1e-12) for law in law.isotropic.values())
        print(f"{name:<10}" + "".join(f"{s:>8.2f}" for s in share) + f"   ({number:.0f} blazars)")
    if options.output:
        curves |= {name: skies[0] for name, skies in drawn.items()}
        plot(curves, options.output / "population.png")


def plot(curves, path):
    """N(>S) per deg2 for |b| > 20 and |b| < 10."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
    for axis, (low, high) in zip(axes, ((20, 90), (0, 10)), strict=True):
        area = 2 * 360 * np.degrees(np.sin(np.radians(high)) - np.sin(np.radians(low)))
        for name, sources in curves.items():
            lat = np.abs(sources.lat)
            flux = np.sort(sources.flux1000[(lat >= low) & (lat < high)])[::-1]
            style = {"color": "k", "lw": 2} if name == "4FGL-DR4" else {}
            axis.plot(flux, np.arange(1, len(flux) + 1) / area, label=name, **style)
        axis.set(xscale="log", yscale="log", xlim=(1e-10, 1e-7), ylim=(1e-4, 2),
                 xlabel="S1 (ph cm$^{-2}$ s$^{-1}$, 1-100 GeV)",
                 title=f"{low} < |b| < {high}")  # fmt: skip
    axes[0].set_ylabel("N(>S1) per deg$^2$")
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
