"""Group the native energy bins of a cube onto the bands of the networks.

Five of them are every network's; some look at a sixth, below 500 MeV, which comes after them.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fermiml.response import exposure as exposures

# MeV; the last band is open above (after Panes et al. 2021)
EDGES = np.array([500.0, 1000.0, 2000.0, 7000.0, 20000.0])
BANDS = tuple(zip(EDGES, [*EDGES[1:], np.inf], strict=True))
NAMES = ("0.5-1 GeV", "1-2 GeV", "2-7 GeV", "7-20 GeV", ">20 GeV")
# The band of networks that look below 500 MeV. Two bands instead of one would add 5 % to what its
# photons say of a soft source, and those below 100 MeV are confused over 5 deg
# (benchmarks/detection/low_band.py).
LOW = (100.0, 500.0)
LOW_NAME = "0.1-0.5 GeV"
INDEX = 2.2  # photon index of the spectrum that weighs energies within a band


def photons(low, high):
    """Photons of an E^-2.2 spectrum between two energies, in arbitrary units."""
    return (np.asarray(low, float) ** (1 - INDEX) - np.asarray(high, float) ** (1 - INDEX)) / (
        INDEX - 1
    )


@dataclass(frozen=True)
class Band:
    """One network band as a cube has it."""

    nominal: tuple  # MeV
    bins: slice  # native bins
    edges: tuple | None  # real edges in MeV; None when the cube has no bin there
    covered: float  # fraction of the nominal band's photons within the real edges


@dataclass(frozen=True)
class BandedCounts:
    """A component's counts in the bands, and the PSF of each band."""

    component: object
    bands: tuple
    counts: np.ndarray  # (band, pixels...)
    remainder: float  # counts outside all bands
    psf: tuple  # a fermiml.response.psf.PSF with one energy per band, None where there is no bin


def assign_bins(edges, low=False):
    """Return the number of the band for every native bin, -1 for bins below the first band.

    Bins go to the band that the geometric mean of their edges lies in: so each band gets the
    native edges that are nearest to its own. A bin that swallows a whole band goes where
    most of its photons are, since the middle of, say, 1-300 GeV is not typical of them.
    With `low`, the bins below the first band that belong to the low one have the next number.
    """
    bottom, top = np.asarray(edges[:-1], float), np.asarray(edges[1:], float)
    numbers = np.searchsorted(EDGES, np.sqrt(bottom * top) * (1 + 1e-6), side="right") - 1
    for i in np.flatnonzero([_swallows_band(*pair) for pair in zip(bottom, top, strict=True)]):
        fraction = [_photons_within(bottom[i], top[i], band) for band in BANDS]
        below = photons(bottom[i], max(bottom[i], min(top[i], EDGES[0])))
        numbers[i] = -1 if below > max(fraction) else int(np.argmax(fraction))
    if low:
        numbers[(numbers < 0) & (np.sqrt(bottom * top) > LOW[0])] = len(BANDS)
    return numbers


def _photons_within(low, high, band):
    start = max(low, band[0])
    return photons(start, max(min(high, band[1]), start))


def _swallows_band(low, high):
    inside = EDGES[(low < EDGES * 0.999) & (high > EDGES * 1.001)]
    return len(inside) > 1


def define_bands(edges, low=False):
    """Define the bands for a cube with these native edges (MeV): five, or six with `low`."""
    numbers = assign_bins(edges, low)
    bands = []
    for number, (bottom, top) in enumerate((*BANDS, LOW) if low else BANDS):
        members = np.flatnonzero(numbers == number)
        if not len(members):
            bands.append(Band((bottom, top), slice(0, 0), None, 0.0))
            continue
        bins = slice(int(members[0]), int(members[-1]) + 1)
        real = float(edges[bins.start]), float(edges[bins.stop])
        inside = max(bottom, min(real[0], top)), min(top, max(real[1], bottom))
        covered = photons(*inside) / photons(bottom, top)
        bands.append(Band((bottom, top), bins, real, float(covered)))
    return tuple(bands)


def group_bands(component, low=False):
    """Sum the native bins into bands; bands + remainder = all counts."""
    bands = define_bands(component.energy_edges, low)
    data = component.counts.data
    grouped = np.empty((len(bands), *data.shape[1:]), np.float32)
    for plane, band in zip(grouped, bands, strict=True):
        plane[...] = data[band.bins].sum(axis=0)
    total = data.sum(dtype=float)
    remainder = total - sum(data[band.bins].sum(dtype=float) for band in bands)
    psf = tuple(_band_psf(component, band) for band in bands)
    return BandedCounts(component, bands, grouped, float(remainder), psf)


def _band_psf(component, band):
    """Mean PSF of the band's native bins, weighted with the counts of E^-2.2 x exposure."""
    if band.edges is None:
        return None
    edges = component.energy_edges[band.bins.start : band.bins.stop + 1]
    # A wide native bin is split, so that its PSF is not that of its middle.
    edges = np.unique(np.concatenate([_split(low, high) for low, high in pairwise(edges)]))
    energy = np.sqrt(edges[:-1] * edges[1:])
    exposure = exposures.sample(component.exposure, component.center[None], energy)[:, 0]
    if not np.all(np.isfinite(exposure)):
        exposure = np.ones_like(energy)
    return component.psf.mean(energy, photons(edges[:-1], edges[1:]) * exposure)


def _split(low, high, per_decade=12):
    count = max(1, int(np.ceil(np.log10(high / low) * per_decade)))
    return np.geomspace(low, high, count + 1)
