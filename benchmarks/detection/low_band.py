"""Which low band a network should have: what photons below 500 MeV say of a point source.

    python benchmarks/detection/low_band.py

For a source of each photon index on the mean emission of one piece of sky (20 x 20 deg, 14 years),
the square of the significance that a matched filter has in a band, over that of the five bands
above 500 MeV. Photons alone (`statistical`), and where a fraction of the diffuse emission within
the PSF is not known (`3 %`: the weights of 4FGL, 1 / (1 + (0.03)^2 B)). Fine bins of 1/12 decade
are the best that any number of bands can do.
"""

import argparse
from itertools import pairwise

import numpy as np

from fermiml.model import convolve
from fermiml.simulate import diffuse_models, fields, sky_settings
from fermiml.sky.bands import BANDS

_FINE = np.geomspace(60, 5e5, 48)  # MeV
_INDICES = (2.0, 2.4, 2.8, 3.2)
_LOW = [
    (("fine bins from 60 MeV"), None),
    ("60-500", [(60, 500)]),
    ("100-500", [(100, 500)]),
    ("200-500", [(200, 500)]),
    ("300-500", [(300, 500)]),
    ("100-250, 250-500", [(100, 250), (250, 500)]),
]


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latitude", type=float, nargs="*", default=[50.0, 3.0])
    for latitude in parser.parse_args().latitude:
        observation, background = _sky(latitude)
        for name, unknown in (("statistical", 0.0), ("3 %", 0.03)):
            print(f"\n| b = {latitude:g}, {name} | " + " | ".join(f"index {i}" for i in _INDICES))
            for label, bands in _LOW:
                row = [_gain(observation, background, i, bands, unknown) for i in _INDICES]
                print(f"| {label} | " + " | ".join(f"{value:.2f}" for value in row))
    edges = np.array([100.0, 200, 300, 500, 1000])
    radius = observation.psf.containment_radius(edges, 0.68)
    print(
        "\nr68 (deg):",
        ", ".join(f"{r:.2f} at {e:g} MeV" for r, e in zip(radius, edges, strict=True)),
    )


def _sky(latitude):
    """Observation, and mean counts per sr in fine bins."""
    config = sky_settings.check({
        "sky": {"centers": [[100.0, latitude]], "width": 6, "pixel": 0.5},
        "energy": {"edges": _FINE.tolist()},
    })  # fmt: skip
    setup = fields.prepare(config)
    ((_, geom),) = fields.geometries(config)
    observation, _ = fields.observe(setup, geom, 0)
    diffuse, _ = diffuse_models.galactic(config["diffuse"], np.random.default_rng(1))
    counts = convolve.expect(observation, diffuse.intensity)
    counts += fields.isotropic(setup, observation)[0]
    area = observation.pixels.area.sum()
    return observation, counts.reshape(len(counts), -1).sum(axis=1) / area


def _gain(observation, background, index, bands, unknown):
    """Square of the significance in low bands over that in the five."""
    low = np.clip(_FINE, None, 500)
    fine = [(a, b) for a, b in pairwise(low) if b > a]
    best = _information(observation, background, index, BANDS, unknown)
    return _information(observation, background, index, bands or fine, unknown) / best


def _information(observation, background, index, bands, unknown):
    """Sum over bands of S^2 / (B + (unknown B)^2) for S and B within the PSF of each band."""
    edges, true = observation.edges, observation.true_edges
    energy = np.sqrt(edges[:-1] * edges[1:])
    flux = true[:-1] ** (1 - index) - true[1:] ** (1 - index)
    center = observation.pixels.center[0]
    exposure = observation.exposure(center.l.deg[None], center.b.deg[None])[:, 0]
    source = (flux * exposure) @ observation.dispersion
    total = 0.0
    for lowest, highest in bands:
        own = (energy >= lowest) & (energy < highest)
        if not own.any():
            continue
        profile = observation.psf.mean(energy[own], source[own])
        area = 1 / _square(profile)
        b = background[own].sum() * area
        total += source[own].sum() ** 2 / (b + (unknown * b) ** 2)
    return total


def _square(psf):
    """Integral of the PSF's square, per sr."""
    theta = np.radians(psf.rad)
    ring = 2 * np.pi * np.sin(theta) * psf.values[0] ** 2
    return np.sum(0.5 * (ring[1:] + ring[:-1]) * np.diff(theta))


if __name__ == "__main__":
    main()
