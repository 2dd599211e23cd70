"""Classification as AGN, pulsar or FAKE, from the spectrum and the numbers of each class.

The probability that a real source is a pulsar is a likelihood ratio times a prior. The
ratio comes from small neural networks that were trained on the spectra of as many pulsars as AGN of
similar fluxes and positions; the prior is the fraction of pulsars among the sources of a flux and
latitude in the simulated population. Both are plain arrays in one file.
"""

import warnings
from dataclasses import dataclass, fields
from importlib import resources

import numpy as np

from fermiml.files import replacing

FAKE_ABOVE = 0.5  # probability of FAKE above which that is the class
MEMBERS = 5  # networks whose logits are averaged
HIDDEN = (8,)
DECAY = 3.0  # of the weights
_LIMIT = 5.0  # features are cut at this many standard deviations: nothing is extrapolated


@dataclass(frozen=True)
class Classifier:
    """Plain arrays; see `fit_classifier`."""

    mean: np.ndarray  # of the features
    scale: np.ndarray
    weights: tuple  # of each layer: (member, input, output)
    biases: tuple  # (member, 1, output)
    calibration: np.ndarray  # offset and slope of the logit
    prior: np.ndarray  # coefficients of `prior_features`

    def spectral_logit(self, table):
        """ln of the likelihood ratio of pulsar and AGN."""
        x = (features(table) - self.mean) / self.scale
        x = np.clip(np.nan_to_num(x), -_LIMIT, _LIMIT)[None]
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight + bias
            if layer < len(self.weights) - 1:
                x = np.maximum(x, 0)
        offset, slope = self.calibration
        return offset + slope * x[..., 0].mean(axis=0)

    def pulsar_probability(self, table):
        """Probability that a source, if it is one, is a pulsar."""
        logit = self.spectral_logit(table) + prior_features(table) @ self.prior
        return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))

    def save(self, path):
        """Write the arrays."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("weights", "biases"):
            layers = arrays.pop(name)
            arrays |= {f"{name}_{i}": layer for i, layer in enumerate(layers)}
        arrays = {name: np.asarray(a, np.float32) for name, a in arrays.items()}
        with replacing(path, overwrite=True) as temporary, open(temporary, "wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, path=None):
        """Read arrays; without a path those that are installed."""
        path = path or resources.files("fermiml.data") / "classifier.npz"
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(float) for name in stored.files}
        for name in ("weights", "biases"):
            layers = sorted(key for key in arrays if key.startswith(f"{name}_"))
            arrays[name] = tuple(arrays.pop(key) for key in layers)
        return cls(**arrays)


def features(table):
    """(source, feature) from columns of the photometry; NaN for unknown values."""
    bend, bend_error = _column(table, "LP_beta"), _column(table, "Unc_LP_beta")
    pivot, index = _column(table, "Pivot_Energy"), _column(table, "LP_Index")
    ts = np.maximum(_column(table, "ML_TS"), 1.0)
    flux, error = (_column(table, name) for name in ("ML_Flux_Band", "Unc_ML_Flux_Band"))
    with np.errstate(divide="ignore", invalid="ignore"):
        significance = np.arcsinh(flux / error)
        brightness = np.log(np.maximum(flux, 0.5 * error) / _column(table, "Flux1000")[:, None])
        columns = [
            _column(table, "PL_Index"),
            np.log(_column(table, "Unc_PL_Index")),
            np.clip(bend, -1, 2),
            np.log(bend_error),
            np.sign(bend) * np.log1p(_column(table, "LP_SigCurv")),
            np.log(ts),
            np.log(pivot),
            *(np.clip(index + 2 * bend * np.log(e / pivot), -2, 7) for e in (1e3, 5e3)),
            *significance.T,
            *brightness.T,
        ]
    stacked = np.column_stack(columns)
    return np.where(np.isfinite(stacked), stacked, np.nan)


def prior_features(table):
    """(source, feature): what the fraction of pulsars depends on, latitude and flux."""
    lat = np.log1p(np.abs(_column(table, "GLAT")))
    flux = np.log10(np.clip(np.nan_to_num(_column(table, "Flux1000"), nan=1e-9), 1e-10, 1e-7)) + 9
    return np.column_stack([np.ones_like(lat), lat, lat**2, lat**3, flux, flux * lat])


def _column(table, name):
    return np.asarray(np.ma.filled(table[name], np.nan), float)


def add_classes(table, pulsar):
    """Fill ML_Prob_AGN, ML_Prob_PSR, ML_Prob_FAKE and ML_Class from ML_Prob and the probability
    that a real source is a pulsar."""
    real = _column(table, "ML_Prob")
    pulsar = real * pulsar
    table["ML_Prob_PSR"] = pulsar
    table["ML_Prob_AGN"] = real - pulsar
    table["ML_Prob_FAKE"] = 1 - real
    likelier = np.where(pulsar > real - pulsar, "PSR", "AGN")
    table["ML_Class"] = np.where(1 - real > FAKE_ABOVE, "FAKE", likelier)


def fit_classifier(table, pulsar, group, prior, seed=0):
    """Fit a classifier to measured sources of known class.

    Parameters
    ----------
    table : Table
        Columns of the photometry; about as many pulsars as AGN, of similar fluxes and positions.
    pulsar : array of bool
        Which ones are pulsars.
    group : array
        Field of each source: the logits are calibrated on fields that a network did not see.
    prior : array
        Coefficients from `fit_prior`.
    seed : int
    """
    x = features(table)
    mean, scale = np.nanmean(x, axis=0), np.maximum(np.nanstd(x, axis=0), 1e-3)
    x = np.clip(np.nan_to_num((x - mean) / scale), -_LIMIT, _LIMIT)
    calibration = _calibration(x, pulsar, group, seed)
    models = [_network(x, pulsar, seed + i) for i in range(MEMBERS)]
    weights = tuple(np.stack(layer) for layer in zip(*(m.coefs_ for m in models), strict=True))
    biases = tuple(
        np.stack(layer)[:, None] for layer in zip(*(m.intercepts_ for m in models), strict=True)
    )
    return Classifier(mean, scale, weights, biases, calibration, np.asarray(prior))


def _network(x, pulsar, seed):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(HIDDEN, solver="lbfgs", alpha=DECAY, max_iter=150, random_state=seed)
    with warnings.catch_warnings():  # to stop before it has converged is meant
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, pulsar)


def _calibration(x, pulsar, group, seed):
    """Offset and slope that make the logits of unseen fields probabilities."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    logit = np.zeros(len(x))
    for train, test in GroupKFold(5).split(x, pulsar, group):
        for i in range(MEMBERS):
            probability = _network(x[train], pulsar[train], seed + i).predict_proba(x[test])[:, 1]
            probability = np.clip(probability, 1e-6, 1 - 1e-6)
            logit[test] += np.log(probability / (1 - probability)) / MEMBERS
    model = LogisticRegression(C=100.0, class_weight="balanced").fit(logit[:, None], pulsar)
    return np.array([model.intercept_[0], model.coef_[0, 0]])


def fit_prior(table, pulsar):
    """Coefficients of the log odds of pulsars, from a population: columns GLAT and Flux1000."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e3, fit_intercept=False, max_iter=2000)
    return model.fit(prior_features(table), pulsar).coef_[0]
