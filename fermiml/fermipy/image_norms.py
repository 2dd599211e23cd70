"""Norms of images, fitted to the counts of an analysis."""

import numpy as np

from fermiml.likelihood.poisson import minimise

_NOTHING = 1e-12  # counts of a model that predicts none


def fit_norms(counts, rest, images, totals, start):
    """Return the norms of the largest log-likelihood, none of them negative, and that.

    Parameters
    ----------
    counts : array (n)
        In pixels that have any; elsewhere the log-likelihood is the sum of the model.
    rest : array (n)
        What else is expected in these pixels.
    images : array (k, n)
        What each image predicts in these pixels, for a norm of 1.
    totals : array (k)
        What each image predicts everywhere.
    start : array (k)
        Norms to begin with.
    """
    images, rest = np.asarray(images, float), np.maximum(rest, _NOTHING)

    def slopes(norms):
        model = rest + norms @ images
        ratio = counts / model
        curvature = (images * (ratio / model)) @ images.T
        loss = norms @ totals - counts @ np.log(model)
        return loss, totals - images @ ratio, curvature, np.zeros_like(curvature)

    found = minimise(slopes, np.asarray(start, float), 0.0, np.inf)
    return found.values, -found.loss
