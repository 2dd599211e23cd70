"""Association of rows with known sources: probabilities, names, and the columns that are copied.

The probability is the likelihood ratio of Sutherland & Saunders (1992): the density of true
counterparts at the offset, which the two position errors give, over the density of unrelated
sources around, which is counted. The fraction Q of rows that have a counterpart at all is found
from the data by iteration, unless it is given.
"""

import re

import numpy as np

from fermiml.catalog.crossmatch import pair_covariance, pairs_in_reach, pairs_within

# Copied from the known source along with its name.
INHERITED = (
    "ASSOC_TEV",
    "TEVCAT_FLAG",
    "CLASS1",
    "CLASS2",
    "ASSOC1",
    "ASSOC2",
    "RA_Counterpart",
    "DEC_Counterpart",
    "Unc_Counterpart",
)
REACH = 5.0  # sigma; no pair further apart is considered
DENSITY_RADIUS = 5.0  # deg, over which the density of known sources is counted
_DOUBT = 1e-9  # least probability of no counterpart at all that is reckoned with


def probabilities(coord, ellipses, other, other_ellipses, prior=None):
    """Find pairs and the probability of each that the second is the first's counterpart."""
    pairs = pairs_in_reach(coord, ellipses, other, other_ellipses, REACH)
    if not len(pairs.first):
        return pairs, np.zeros(0)
    cov = pair_covariance(coord, ellipses, other, other_ellipses, pairs)
    area = 2 * np.pi * np.sqrt(np.linalg.det(cov))
    ratio = np.exp(-(pairs.sigma**2) / 2) / area / _density(coord, other)[pairs.first]
    if prior is not None:
        return pairs, _posterior(ratio, pairs.first, len(coord), prior)
    q = 0.5
    for _ in range(200):
        probability = _posterior(ratio, pairs.first, len(coord), q)
        # One imagined row with and one without a counterpart keep q off 0 and 1.
        q, before = (probability.sum() + 1) / (len(coord) + 2), q
        if abs(q - before) < 1e-6:
            break
    return pairs, probability


def _posterior(ratio, first, rows, q):
    total = np.bincount(first, weights=ratio, minlength=rows)
    return q * ratio / (1 - q + q * total[first])


def _density(coord, other):
    """Compute the density (deg-2) of known sources around each position, from at least one."""
    near = pairs_within(coord, other, DENSITY_RADIUS)
    count = np.bincount(near.first, minlength=len(coord))
    area = 2 * np.pi * (1 - np.cos(np.radians(DENSITY_RADIUS))) * np.degrees(1) ** 2
    return np.maximum(count, 1) / area


def one_to_one(pairs, probability, least):
    """Choose the known source of each row that is one with at least that probability, each once.

    What decides is the sum over a row's candidates: the Crab is known, although pulsar and
    nebula share the position; the likeliest is taken. The best pairs go first, and what one row
    has taken is no candidate of another: the probabilities of that row's others rise as they do
    when a possibility drops out. Return which pairs, the sums, and the rows that would have been
    known but for what others took.
    """
    none = np.maximum(1 - np.bincount(pairs.first, weights=probability), _DOUBT)
    by_row, free = _groups(pairs.first), np.ones(len(pairs.first), bool)
    by_source = _groups(pairs.second)
    known = {}
    for i in np.argsort(-probability, kind="stable"):
        row = pairs.first[i]
        if row in known or not free[i]:
            continue
        mine = by_row[row]
        total = probability[mine][free[mine]].sum()
        total /= total + none[row]
        if total >= least:
            known[row] = i, total
            free[by_source[pairs.second[i]]] = False
    rows = sorted(known)
    which, total = (np.array([known[row][k] for row in rows], t) for k, t in ((0, int), (1, float)))
    lost = [row for row in by_row if row not in known and 1 - none[row] >= least]
    return which, total, np.array(lost, int)


def _groups(numbers):
    """Map each number to the indices at which it occurs."""
    order = np.argsort(numbers, kind="stable")
    values, start = np.unique(numbers[order], return_index=True)
    # Of no numbers at all, split makes one part.
    return dict(zip(values, np.split(order, start[1:]), strict=False))


def within(coord, other, radius):
    """Return which positions lie within the radius (deg) of one of the others that has any."""
    large = np.flatnonzero(radius > 0)
    apart = coord[:, None].separation(other[large][None]).deg
    return (apart <= np.asarray(radius)[large]).any(axis=1)


def association_columns(name):
    """Return the ASSOC columns where the name of a known source belongs."""
    if re.match(r"4FGL ", name):
        return ("ASSOC_4FGL", "ASSOC_FGL")
    if re.match(r"(\dFGL|FL\d+Y) ", name):
        return ("ASSOC_FGL",)
    if re.match(r"\dFHL ", name):
        return ("ASSOC_FHL",)
    return ("ASSOC_GAM1",)


def fill(table, known, first, second, probability):
    """Write the names, probabilities and inherited columns of associations into a table."""
    found = known[second]
    for name in INHERITED:
        _set(table, name, first, found[name])
    for i, source in enumerate(found["Source_Name"]):
        for name in association_columns(source):
            _set(table, name, first[i : i + 1], found["Source_Name"][i : i + 1])
    table["ASSOC_PROB_BAY"][first] = probability


def _set(table, name, rows, values):
    """Set cells of a column, which widens if a text needs it."""
    if values.dtype.itemsize > table[name].dtype.itemsize and values.dtype.kind == "U":
        table[name] = table[name].astype(values.dtype)
    table[name][rows] = values
