"""From the localizer's score to a probability that means what it says."""

import numpy as np

FEATURES = ("score", "significance")
_EDGE = 1e-4  # scores are kept this far from 0 and 1
_HIGHEST = 6.0  # logit of a probability above which nothing more can be told apart


def features(score, ts=None):
    """(candidate, feature): logit of the score and, with photometry, a measure of its TS.

    Bright sources are all alike: the significance grows with the logarithm of TS.
    """
    score = np.clip(np.asarray(score, float), _EDGE, 1 - _EDGE)
    columns = [np.log(score / (1 - score))]
    if ts is not None:
        columns.append(np.log1p(np.clip(np.nan_to_num(ts), 0, None) / 10.0))
    return np.column_stack(columns)


def probability(score, ts, calibration):
    """Calibrated probability; strictly rising with the score and with TS.

    `calibration` has, for detections with and without photometry, an intercept and a slope
    of each feature.
    """
    used = calibration["photometry" if ts is not None else "score"]
    logit = used["intercept"] + features(score, ts) @ np.asarray(used["slopes"], float)
    # Close to certainty the curve bends, so that nothing is claimed beyond what was measured.
    logit = np.where(logit > 0, _HIGHEST * np.tanh(logit / _HIGHEST), logit)
    return 1 / (1 + np.exp(-logit))


def fit(score, ts, real, weight=None):
    """Calibration from candidates of which it is known whether they are real."""
    from sklearn.linear_model import LogisticRegression

    found = {}
    for name, values in (("score", None), ("photometry", ts)):
        columns = features(score, values)
        model = LogisticRegression(C=100.0, max_iter=1000).fit(columns, real, sample_weight=weight)
        slopes = np.maximum(model.coef_[0], 1e-3)
        found[name] = {"intercept": float(model.intercept_[0]), "slopes": slopes.tolist()}
    return found


def threshold_for(purity, probability, matched):
    """Least probability above which the given share of detections is matched.

    The lowest one at which this and every higher threshold of at least 20 detections has it
    within one part in a thousand... of the running purity.
    """
    order = np.argsort(-probability)
    running = np.cumsum(matched[order]) / (1 + np.arange(len(order)))
    good = np.flatnonzero(running >= purity)
    return float(probability[order][good[-1]]) if len(good) else 1.0
