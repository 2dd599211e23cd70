"""Compare the Asimov TS of 4FGL-DR4's sources, simulated over 14 years, with the catalog's TS.

    python benchmarks/simulation/asimov_ts.py -o docs/figures

Needs fermipy (its catalogs). The catalog's TS is the sum of Sqrt_TS_Band^2 over the bands
above 100 MeV, ours is summed over the same energies.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.io import fits

from fermiml.model import from_catalog, point_sources
from fermiml.simulate import fields, sky_settings

CENTERS = {"|b| = 60": (100.0, 60.0), "|b| = 30": (200.0, -30.0), "|b| = 12": (70.0, 12.0),
           "|b| = 0": (80.0, 0.0)}  # fmt: skip
TYPES = {"FRONT+BACK": [3], "PSF0-3": [4, 8, 16, 32]}


def compare(center, types):
    """Asimov TS and catalog TS of the 4FGL-DR4 sources of a field."""
    settings = sky_settings.check(
        {
            "sky": {"centers": [list(center)], "width": 20},
            "energy": {"min": 100, "max": 1e6, "bins_per_decade": 6},
            "observation": {"event_types": types, "years": 14},
            "population": {"sources": "4FGL-DR4"},
        }
    )
    setup = fields.prepare(settings)
    ((_, geom),) = fields.geometries(settings)
    seen, bright = fields.simulate_field(setup, geom, np.random.default_rng(1))
    ts = sum(
        point_sources.asimov_ts(f.observation, bright, f.expected)[0].sum(axis=1) for f in seen
    )
    with fits.open(from_catalog.find("4FGL-DR4")) as hdus:
        table = hdus[1].data
        bands = table["Sqrt_TS_Band"][:, 1:].astype(float)
        known = np.square(np.where(np.abs(bands) < 1e4, bands, 0)).sum(axis=1)
        place = {(float(r["GLON"]), float(r["GLAT"])): t for r, t in zip(table, known, strict=True)}
    keys = list(zip(bright.lon, bright.lat, strict=True))
    x, y = geom.to_image().coord_to_pix((bright.lon, bright.lat))
    inside = (np.abs(x - 99.5) < 90) & (np.abs(y - 99.5) < 90) & (bright.form == 0)
    known = np.array([place[k] for k in keys])
    return ts[inside], known[inside]


def main():
    """Print medians and scatter of the ratio, draw the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    points = []
    print(f"{'field':<12}{'events':<12}{'sources':>8}{'median ratio':>14}{'scatter':>9}")
    for name, center in CENTERS.items():
        for label, types in TYPES.items():
            ts, known = compare(center, types)
            use = known > 25
            logs = np.log(ts[use] / known[use])
            low, middle, high = np.percentile(logs, [16, 50, 84])
            print(f"{name:<12}{label:<12}{use.sum():>8}{np.exp(middle):>14.2f}"
                  f"{0.5 * (high - low):>9.2f}", flush=True)  # fmt: skip
            if label == "FRONT+BACK":
                points.append((name, ts[use], known[use]))
    if options.output:
        plot(points, options.output / "asimov_ts.png")


def plot(points, path):
    """Asimov TS against catalog TS."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(5.5, 4.5))
    for name, ts, known in points:
        axis.scatter(known, ts, s=8, label=name)
    axis.plot([25, 1e5], [25, 1e5], "k:", lw=1)
    axis.set(xscale="log", yscale="log", xlabel="4FGL-DR4: sum of Sqrt_TS_Band$^2$, > 100 MeV",
             ylabel="Asimov TS, 14 years, FRONT+BACK")  # fmt: skip
    axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
