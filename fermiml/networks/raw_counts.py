"""Ablations of the input: counts and what part of each band is observed, no other features.

`SCALINGS` are the values of the option ``raw``: none of this; counts in units of their noise, as
all networks get them; counts scaled by the asinh of the mean of the bands (Lupton et al. 2004);
counts as z-scores of the patch.
"""

import numpy as np

from fermiml.errors import InputError
from fermiml.features.patch_features import CHANNELS, N_FEATURES, unstabilised
from fermiml.schema import shown
from fermiml.sky.bands import BANDS

ASINH, Z_SCORE = "asinh", "z-score"
SCALINGS = (False, True, ASINH, Z_SCORE)
_SCALE, _SOFTENING = 0.005, 10.0  # the factors s and Q of Lupton's scaling, as in Astro R-CNN
_TINY = 1e-6
_COUNTS = slice(CHANNELS.index("counts") * len(BANDS), (CHANNELS.index("counts") + 1) * len(BANDS))


def check(name, value):
    """Raise InputError if a value of the option ``raw`` is not one of `SCALINGS`."""
    if not isinstance(value, bool | str) or value not in SCALINGS:
        known = ", ".join(str(one).lower() for one in SCALINGS)
        raise InputError(f"{name}: one of {known}, not {shown(value)}")


def scaled(features, scaling, xp=np):
    """Replace features (..., y, x, plane) by raw counts, scaled; `xp` is numpy or `keras.ops`."""
    features = features * KEPT
    if scaling is True:
        return features
    counts = unstabilised(features[..., _COUNTS], xp)
    shown = asinh_scaled(counts, xp) if scaling == ASINH else z_scores(counts, xp)
    before, after = features[..., : _COUNTS.start], features[..., _COUNTS.stop :]
    return xp.concatenate([before, shown, after], axis=-1)


def asinh_scaled(counts, xp=np):
    """Scale counts (..., band) so that the mean I of the bands becomes asinh(s Q I) / Q."""
    stretched = _SCALE * _SOFTENING * xp.mean(counts, axis=-1, keepdims=True)
    return counts * (_SCALE * xp.arcsinh(stretched) / xp.maximum(stretched, _TINY))


def z_scores(counts, xp=np):
    """Subtract each band's mean over the patch (..., y, x, band), and divide by its deviation."""
    mean, deviation = (f(counts, axis=(-3, -2), keepdims=True) for f in (xp.mean, xp.std))
    return (counts - mean) / xp.maximum(deviation, _TINY)


def _kept():
    """One for planes of counts and of coverage, zero for all other features."""
    kinds = np.repeat([kind in ("counts", "covered") for kind in CHANNELS], len(BANDS))
    return np.pad(kinds, (0, N_FEATURES - len(kinds))).astype(np.float32)


KEPT = _kept()
