"""ML_Flags: the meaning of the bits, and the rules for those that several steps set.

Detection sets them; a fit decides those of `FITTED` again for the rows that it fits.
"""

import enum

import numpy as np

from fermiml.catalog import crossmatch

_CORE_ENERGY = 2000.0  # MeV, at which the PSF's core tells whether two sources are blended
_CORE = 0.39  # fraction of the PSF within its core (1 sigma of a Gaussian)


class MLFlag(enum.IntFlag):
    """The bits of ML_Flags."""

    EDGE = 1
    LOW_TS = 2
    BLENDED = 4
    DIFFUSE = 8
    RESPONSE_ASSUMED = 16
    EXPOSURE_ESTIMATED = 32
    SECOND_DIFFUSE = 64
    SUN_MOON = 128
    TRANSIENT = 256
    STRUCTURED = 512
    AT_BOUND = 1024
    NOT_CONVERGED = 2048


FLAG_MEANING = {
    MLFlag.EDGE: "near the edge of the data",
    MLFlag.LOW_TS: "the photometry says TS < 9",
    MLFlag.BLENDED: "blended: a neighbour closer than the PSF core",
    MLFlag.DIFFUSE: "in an extended source or on a diffuse clump",
    MLFlag.RESPONSE_ASSUMED: "the instrument response was assumed",
    MLFlag.EXPOSURE_ESTIMATED: "the exposure was estimated",
    MLFlag.SECOND_DIFFUSE: "does not survive the second diffuse model",
    MLFlag.SUN_MOON: "the Sun or Moon was near when its photons came",
    MLFlag.TRANSIENT: "a transient: the values are those of the time of its flare",
    MLFlag.STRUCTURED: "ML_Prob was lowered: the sky is more structured than simulated",
    MLFlag.AT_BOUND: "a parameter of the spectrum is at its bound",
    MLFlag.NOT_CONVERGED: "the fit did not converge, or failed",
}
# What a likelihood fit decides anew, from its own neighbours, response and convergence.
FITTED = (
    MLFlag.BLENDED
    | MLFlag.RESPONSE_ASSUMED
    | MLFlag.EXPOSURE_ESTIMATED
    | MLFlag.AT_BOUND
    | MLFlag.NOT_CONVERGED
)


def of_response(cube):
    """Return the bits for a response that was assumed, and an exposure that was estimated."""
    origins = [o for component in cube.components for o in component.origins.items()]
    flags = MLFlag(0)
    if any(part != "exposure" and origin.assumed for part, origin in origins):
        flags |= MLFlag.RESPONSE_ASSUMED
    if any(part == "exposure" and origin.assumed for part, origin in origins):
        flags |= MLFlag.EXPOSURE_ESTIMATED
    return flags


def blended(position, cube):
    """Return which of some positions have another one closer than the core of the PSF."""
    pairs = crossmatch.pairs_within(position, position, psf_core(cube))
    return np.isin(np.arange(len(position)), pairs.first[pairs.first != pairs.second])


def psf_core(cube, held=_CORE):
    """Compute the radius (deg) of 39 % of the PSF, at 2 GeV or the nearest energy of the data,
    in the component where it is smallest; or that of another fraction."""
    radii = []
    for component in cube.components:
        edges = component.energy_edges
        energy = np.clip(_CORE_ENERGY, edges[0], edges[-1])
        radii.append(component.psf.containment_radius(energy, held)[0])
    return float(min(radii))


def decide_again(table, rows, decided, bits=FITTED):
    """Set `bits` of ML_Flags, in some rows, to the values `decided`; the others stay."""
    before = np.ma.filled(table["ML_Flags"][rows], 0).astype(int)
    table["ML_Flags"][rows] = before & ~int(bits) | decided
