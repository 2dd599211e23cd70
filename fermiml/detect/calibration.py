"""From the localizer's score to a calibrated probability."""

import numpy as np

PURITY = 0.95  # for which an operating point has the threshold
MODES = ("photometry", "score")  # with the TS of the photometry, or by the score alone
_EDGE = 1e-4  # scores are kept this far from 0 and 1
_SATURATION = 200.0  # TS that counts half: brighter sources are all alike, clumps are bright, too
_SCALE = 10.0
_TS, _LEVEL = 1, 2  # columns of the features
_LEVELS = (10.0, 1e5)  # background counts within the PSF, as the selection skies have them
_EXTENDED = 25.0  # TS of an extension that counts fully: certain ones are extended sources
# Where the photometry says TS < 9: the probability above which it is lowered, and the
# fraction of the rest that stays (measured, docs/detect.md).
_UNCONFIRMED, _REST = 0.4, 0.1
_LEAST_SLOPE = 1e-3
_HIGHEST = 6.0  # logit of a probability above which nothing more can be told apart


def features(score, measured=None):
    """Compute what speaks for and against a source (candidate, feature).

    The logit of the score; and with the table of the photometry measures of its TS, of the
    background counts beneath it, and of the TS of its extension.
    """
    score = np.clip(np.asarray(score, float), _EDGE, 1 - _EDGE)
    columns = [np.log(score / (1 - score))]
    if measured is not None:
        ts, extended, counts = (
            np.clip(np.nan_to_num(np.asarray(measured[name], float)), 0, None)
            for name in ("ML_TS", "ML_TS_Ext", "Npred")
        )
        columns += [
            np.log1p(ts / (1 + ts / _SATURATION) / _SCALE),
            np.log10(np.clip(counts**2 / np.maximum(ts, 1), *_LEVELS)),
            np.log1p(np.minimum(extended, _EXTENDED)),
        ]
    return np.column_stack(columns)


def probability(score, measured, point):
    """Calibrated probability; strictly rising with the score and with TS.

    `point` has the intercept and the slopes of as many features as it knows.
    """
    slopes = np.asarray(point["slopes"], float)
    logit = point["intercept"] + features(score, measured)[:, : len(slopes)] @ slopes
    # Close to certainty the curve bends, so that nothing is claimed beyond what was measured.
    logit = np.where(logit > 0, _HIGHEST * np.tanh(logit / _HIGHEST), logit)
    return 1 / (1 + np.exp(-logit))


def demoted(probability, low):
    """Probabilities, lowered where the photometry does not confirm the network (`low`).

    The curve is one for all candidates, and for the few of a high score and no TS it is too high.
    Probabilities still rise strictly with score and TS.
    """
    above = np.maximum(probability - _UNCONFIRMED, 0)
    return probability - np.where(low, (1 - _REST) * above, 0)


def threshold_for(purity, probability, measured):
    """Return the least probability at which a list is as pure as wanted.

    It is the lowest one above which the mean probability is at least `purity`; but a purer list
    is never longer than the one of `PURITY`, of which the threshold was `measured`, and a less
    pure one never shorter.
    """
    falling = np.sort(np.asarray(probability, float))[::-1]
    mean = np.cumsum(falling) / np.arange(1, len(falling) + 1)
    pure = falling[mean >= purity]
    lowest = pure[-1] if len(pure) else 1.0
    return max(lowest, measured) if purity > PURITY else min(lowest, measured)


def fit(score, measured, matched, real):
    """Intercept and slopes from candidates with known truth.

    Purity is a matter of matches with sources that can be found, so the order of the candidates
    is that in which the probability of a match rises. How probable it is that one is real, as the
    catalog means it, is then fitted to that order. It depends more on the background: faint
    sources are real, but no matches. The weight of the background is the mean of both.
    A TS that speaks against sources, given the score, is left to break ties: probabilities must
    rise with it.
    """
    columns = features(score, measured)
    slopes = _logistic(columns, matched)[1]
    if measured is not None:
        if slopes[_TS] < _LEAST_SLOPE:
            slopes = np.insert(_logistic(np.delete(columns, _TS, 1), matched)[1], _TS, _LEAST_SLOPE)
        ranked = np.delete(columns, _LEVEL, 1) @ np.delete(slopes, _LEVEL)
        _, (scale, level) = _logistic(np.column_stack([ranked, columns[:, _LEVEL]]), real)
        slopes[_LEVEL] = min((slopes[_LEVEL] + level / scale) / 2, 0.0)
    intercept, (scale,) = _logistic((columns @ slopes)[:, None], real)
    return {"intercept": intercept, "slopes": (scale * slopes).tolist()}


def _logistic(columns, truth):
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=100.0, max_iter=1000).fit(columns, truth)
    return float(model.intercept_[0]), model.coef_[0]
