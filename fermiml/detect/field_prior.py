"""Correction of ML_Prob by the data, where the sky is more structured than simulated.

On skies with gas that no simulation had, false candidates are more frequent, and their number
shows it: more candidates of middling probability than go with as many certain ones. From it
follows a factor on the odds of being false, place by place. It is an empirical-Bayes estimate:
few candidates change nothing.
"""

from dataclasses import dataclass

import numpy as np

from fermiml.measured_numbers import MeasuredNumbers
from fermiml.schema import number

MIDDLING = (0.5, 0.9)  # ML_Prob of candidates that are counted against the certain ones above
_RADIUS = 4.0  # deg, sigma of the surroundings of a candidate
_FEW = 3.0  # certain candidates that are added to those of the surroundings
_ENOUGH = 5.0  # candidates around one, with which half of what they say is believed
_CAUTION = 0.5  # standard deviations below the mean: what may be chance changes little
_LOGS = np.linspace(-2.5, 2.5, 101)  # of the factor
_SEEN = 0.005  # change of a probability that is worth a flag


@dataclass(frozen=True)
class FieldPrior(MeasuredNumbers):
    """How many candidates a nominal sky has.

    `benchmarks/detection/field_prior.py` measures the numbers on selection skies.
    """

    FILE, WHAT = "field_prior.yaml", "a field prior"
    CHECK = number(0)

    ratio: float  # middling candidates for each certain one
    scatter: float  # relative, of that ratio from place to place
    real: float  # fraction of the middling ones that is real
    width: float  # of the logarithm of the factor, before the candidates are counted

    def false_factor(self, probability, vectors):
        """Compute the factor, at least 1, on the odds that each candidate is false.

        Parameters
        ----------
        probability : array (n,)
            Calibrated on nominal skies.
        vectors : array (n, 3)
            Directions.
        """
        middling, certain = surroundings(probability, vectors)
        logs = self._logs(middling + self.ratio * _FEW, self.ratio * (certain + _FEW))
        number = middling + certain
        return np.exp(np.maximum(logs, 0) * number / (number + _ENOUGH))

    def _logs(self, found, expected):
        """Logarithm of the factor, after the candidates have been counted: a cautious value."""
        shape = 1 / self.scatter**2
        mean = expected[:, None] * (self.real + (1 - self.real) * np.exp(_LOGS))
        counts = found[:, None]
        # Of numbers whose mean scatters from place to place: a negative binomial distribution.
        belief = counts * np.log(mean) - (counts + shape) * np.log(mean + shape)
        belief -= 0.5 * (_LOGS / self.width) ** 2
        weight = np.exp(belief - belief.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        mean = weight @ _LOGS
        return mean - _CAUTION * np.sqrt(np.maximum(weight @ _LOGS**2 - mean**2, 0))


NEUTRAL = FieldPrior(ratio=1, scatter=1, real=0.5, width=1e-6)


def surroundings(probability, vectors):
    """Count the middling and the certain candidates around each one."""
    low, high = MIDDLING
    squared = np.maximum(2 - 2 * vectors @ vectors.T, 0)  # of the chord
    near = np.exp(-squared / (2 * np.radians(_RADIUS) ** 2))
    return near @ ((probability > low) & (probability <= high)), near @ (probability > high)


def lowered(probability, factor):
    """Compute probabilities whose odds of being false are higher by a factor."""
    return probability / (probability + factor * (1 - probability))


def is_lowered(before, after):
    """Return a mask of the probabilities lowered by so much that they are flagged."""
    return before - after > _SEEN


def in_words(before, after, factor):
    """Describe the correction for the log; empty if there was none."""
    number = int(np.sum(is_lowered(before, after)))
    if not number:
        return ""
    return (
        f"the sky is more structured than the simulated ones: near {number} of {len(before)} "
        f"candidates false ones are up to {factor.max():.1f} times as frequent, so ML_Prob was "
        f"lowered (bit 512 of ML_Flags); {before.sum():.1f} were expected to be real, now "
        f"{after.sum():.1f}"
    )
