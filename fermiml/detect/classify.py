"""What kind of source a candidate is, from its spectrum and the numbers of each kind.

The probabilities of the kinds, if a candidate is a source at all, are likelihoods times a prior.
The likelihoods come from small neural networks that were trained on the measured spectra of as many
sources of one kind as of another, with the same fluxes and positions (`fermiml.train.kinds`). The
prior is the fraction of each kind among the sources of that flux and, only where asked for, of that
latitude. All are plain arrays in one file.
"""

from dataclasses import dataclass, fields
from functools import cache
from importlib import resources

import numpy as np

from fermiml.catalog.source_classes import AGN, CLASSES, KINDS
from fermiml.files import replacing

FAKE_ABOVE = 0.5  # probability of FAKE above which that is the class
PROBABILITIES = tuple(f"ML_Prob_{name}" for name in dict.fromkeys((*CLASSES, *KINDS)))
_LIMIT = 5.0  # features are cut at this many standard deviations: nothing is extrapolated
_BANDS = slice(1, 8)  # of the catalog's bands: from 100 MeV on


@dataclass(frozen=True)
class Classifier:
    """Plain arrays; see `fermiml.train.kinds.fit_classifier`."""

    mean: np.ndarray  # of the features
    scale: np.ndarray
    weights: tuple  # of each layer: (member, input, output)
    biases: tuple  # (member, 1, output)
    offset: np.ndarray  # (kind,), added to the mean of the members
    slope: np.ndarray  # by which the sum is multiplied: less than 1 where members are too sure
    prior: np.ndarray  # (kind, coefficient of `prior_features`)
    prior_by_position: np.ndarray  # the same with the latitude

    def log_likelihoods(self, table):
        """Compute ln of the likelihood of each kind, (source, kind), up to a constant."""
        x = (features(table) - self.mean) / self.scale
        x = np.clip(np.nan_to_num(x), -_LIMIT, _LIMIT)[None]
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight + bias
            if layer < len(self.weights) - 1:
                x = np.maximum(x, 0)
        return self.slope * (x.mean(axis=0) + self.offset)

    def probabilities(self, table, by_position=False):
        """Compute the probability of each kind, (source, kind), of what is a source.

        Parameters
        ----------
        table : Table
            Columns of the photometry, or those of 4FGL.
        by_position : bool
            Use the Galactic latitude, too: near the plane more sources are pulsars and remnants.
        """
        prior = self.prior_by_position if by_position else self.prior
        return normalised(
            self.log_likelihoods(table) + prior_features(table, by_position) @ prior.T
        )

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


@cache
def shipped():
    """Return the classifier that comes with fermiml."""
    return Classifier.load()


def normalised(logits):
    """Convert logits (source, kind) to probabilities that sum to 1."""
    weight = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)


def features(table):
    """(source, feature) from columns of the photometry or of 4FGL; NaN for unknown values."""
    bend, bend_error = _column(table, "LP_beta"), _column(table, "Unc_LP_beta")
    pivot, index = _column(table, "Pivot_Energy"), _column(table, "LP_Index")
    ts = _column(table, "ML_TS")
    ts = np.maximum(np.where(np.isfinite(ts), ts, _column(table, "Signif_Avg") ** 2), 1.0)
    flux, error = _column(table, "Flux_Band", 8), _column(table, "Unc_Flux_Band", 8, 2)[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
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
            np.log1p(np.maximum(np.nan_to_num(_column(table, "ML_TS_Ext")), 0)),
            *np.arcsinh(_column(table, "Sqrt_TS_Band", 8)[:, _BANDS]).T,
            *brightness[:, _BANDS].T,
        ]
    stacked = np.column_stack(columns)
    return np.where(np.isfinite(stacked), stacked, np.nan)


def prior_features(table, by_position=False):
    """(source, feature): what the fractions of the kinds depend on, flux and perhaps latitude."""
    flux = np.log10(np.clip(np.nan_to_num(_column(table, "Flux1000"), nan=1e-9), 1e-10, 1e-7)) + 9
    if not by_position:
        return np.column_stack([np.ones_like(flux), flux, flux**2])
    lat = np.log1p(np.abs(_column(table, "GLAT")))
    return np.column_stack([np.ones_like(lat), lat, lat**2, lat**3, flux, flux * lat])


def _column(table, name, *shape):
    """Values of a column; NaN where the table has none."""
    if name not in table.colnames:
        return np.full((len(table), *shape), np.nan)
    return np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)


def add_kinds(table, by_position=False):
    """Fill the columns of `add_classes` with the shipped classifier's probabilities."""
    given = shipped().probabilities(table, by_position)
    add_classes(table, dict(zip(KINDS, given.T, strict=True)))


def add_classes(table, given):
    """Fill ML_Prob_AGN, ML_Prob_FAKE, ML_Class and so on from ML_Prob.

    Parameters
    ----------
    table : Table
        Changed in place.
    given : dict
        The probability of what is a source to be of a kind: of all in `KINDS`, or of AGN and PSR
        where no others are known.
    """
    real = _column(table, "ML_Prob")
    if CLASSES[0] not in given:
        given = {**given, CLASSES[0]: sum(given[kind] for kind in AGN)}
    for column in PROBABILITIES:
        name = column.removeprefix("ML_Prob_")
        # What a network does not tell apart is unknown; what it never says has no probability.
        table[column] = real * given.get(name, np.full(len(real), np.nan if name in AGN else 0.0))
    table["ML_Prob_FAKE"] = 1 - real
    table["ML_Class"] = classes(table)


def classes(table):
    """Return the class of each row: the likeliest, or FAKE if that is more probable than not."""
    likeliest = np.argmax([_column(table, f"ML_Prob_{name}") for name in CLASSES], axis=0)
    fake = _column(table, "ML_Prob_FAKE") > FAKE_ABOVE
    return np.where(fake, "FAKE", np.array(CLASSES)[likeliest])
