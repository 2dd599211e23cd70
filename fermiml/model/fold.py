"""From spectra to expected counts: integrals over true energies, exposure, energy dispersion."""

import numpy as np

# Nodes of an integral over ln E from 0 to 1, and their weights. True bins are at most an eighth of
# a decade wide, so three nodes are enough.
SIMPSON = np.linspace(0, 1, 3), np.array([1, 4, 1]) / 6
GAUSS = 0.5 + 0.5 * np.sqrt(0.6) * np.linspace(-1, 1, 3), np.array([5, 8, 5]) / 18


def nodes(edges, rule):
    """Return energies (true bin, node) between edges, and the weights of their integrals."""
    points, weights = rule
    step = np.log(edges[1:] / edges[:-1])[:, None]
    energy = edges[:-1, None] * np.exp(step * points)
    return energy, energy * step * weights


def fold(density, factors, exposure, dispersion):
    """Compute counts of spectra, and what they become with factors within the integral.

    Parameters
    ----------
    density : numpy.ndarray
        Flux density times the weight of the integral: (source, true bin, node).
    factors : sequence of numpy.ndarray
        Of such a shape, or one that broadcasts to it: 1 gives the counts, the derivative of
        ln(density) by a parameter gives that of the counts.
    exposure : numpy.ndarray
        cm2 s at the sources, (source, true bin).
    dispersion : numpy.ndarray
        Probability of a photon of a true bin to be counted in a bin, (true bin, bin).

    Returns
    -------
    tuple of numpy.ndarray
        (source, bin) for each factor.
    """
    return tuple((np.sum(density * f, axis=2) * exposure) @ dispersion for f in factors)
