"""Training of the classifier of sources: networks, their calibration, and the prior."""

import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from threadpoolctl import threadpool_limits

from fermiml.catalog.source_classes import KINDS
from fermiml.detect.classify import Classifier, features, normalised, prior_features

MEMBERS = 5  # networks whose logits are averaged
HIDDEN = (16, 16)
DECAY = 10.0  # of the weights
_LIMIT = 5.0  # standard deviations
_FOLDS = 5


def fit_classifier(table, kind, group, prior, seed=0):
    """Fit a classifier to measured sources of known kind.

    Parameters
    ----------
    table : Table
        Columns of the photometry; sources of similar fluxes and positions whatever their kind.
    kind : array of str
        Which of `KINDS` each is.
    group : array
        Those with the same true spectrum: the logits are calibrated on spectra that a network did
        not see.
    prior : tuple of arrays
        Coefficients from `fit_prior`, without and with the position.
    seed : int
    """
    x = features(table)
    unknown = np.isnan(x).all(axis=0)  # such a feature is left out
    x[:, unknown] = 0
    mean, scale = np.nanmean(x, axis=0), np.maximum(np.nanstd(x, axis=0), 1e-3)
    x = np.clip(np.nan_to_num((x - mean) / scale), -_LIMIT, _LIMIT)
    number = np.array([KINDS.index(name) for name in kind])
    # Networks learn the fractions of the sample, too; these are divided out.
    offset = -np.log(np.bincount(number, minlength=len(KINDS)) / len(number))
    slope = _slope(x, number, group, offset, seed)
    models = [_network(x, number, seed + i) for i in range(MEMBERS)]
    weights = tuple(np.stack(layer) for layer in zip(*(m.coefs_ for m in models), strict=True))
    biases = tuple(
        np.stack(layer)[:, None] for layer in zip(*(m.intercepts_ for m in models), strict=True)
    )
    return Classifier(mean, scale, weights, biases, offset, np.array(slope), *prior)


def _network(x, number, seed):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(HIDDEN, solver="lbfgs", alpha=DECAY, max_iter=150, random_state=seed)
    # Threads of BLAS only wait for each other on matrices that small.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # to stop before that is meant
        return model.fit(x, number)


def _slope(x, number, group, offset, seed):
    """Factor on the logits with which spectra that no network has seen are the most probable."""
    from sklearn.model_selection import GroupKFold

    logits = np.zeros((len(x), len(KINDS)))
    for train, test in GroupKFold(_FOLDS).split(x, number, group):
        for i in range(MEMBERS):
            model = _network(x[train], number[train], seed + i)
            logits[test] += np.log(model.predict_proba(x[test]) + 1e-9) / MEMBERS
    weight = np.exp(offset)[number]

    def surprise(slope):
        right = normalised(slope * (logits + offset))[np.arange(len(number)), number]
        return -weight @ np.log(right)

    return minimize_scalar(surprise, bounds=(0.1, 2.0), method="bounded").x


def fit_prior(table, kind, by_position=False):
    """Coefficients (kind, feature) of the logits of the kinds, from a population: columns GLAT and
    Flux1000."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e3, fit_intercept=False, max_iter=3000)
    model.fit(prior_features(table, by_position), [KINDS.index(name) for name in kind])
    return model.coef_
