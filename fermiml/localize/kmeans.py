"""Enhanced k-means: the number of clusters is the one of the highest penalised intensity.

After Panes et al. 2021 (A&A 656, A62): pixels above 0.2 are clustered for every number of
clusters; the intensity is the sum of the map in a square around each centre, and pixels that lie in
more than one square are penalised. Other than there, centres are weighted means (not whole
pixels), each connected region is clustered by itself, and the penalty is mild enough to tell
touching discs apart.
"""

import numpy as np
from scipy.ndimage import find_objects, label
from threadpoolctl import threadpool_limits

from fermiml.localize import DISC
from fermiml.localize.clusters import settled_in, standing_out
from fermiml.localize.maxima import TOUCHING, wanted

LEVEL = 0.2  # pixels above it are clustered
SQUARE = 2.0  # pixels, least half width of the squares
PENALTY = 1.0  # for each pixel each time that it is used again
MARGIN = 0.5  # pixels: regions no larger than a blob of a radius larger by this are one source


def locate(maps, threshold, radius=DISC):
    """Weighted centres of the clusters of every connected region."""
    probability = maps["probability"]
    chosen = standing_out(probability, threshold, radius) > 0
    chosen &= probability > LEVEL
    regions, number = label(chosen, TOUCHING)
    centers = np.zeros((0, 2))
    if number:
        centers = np.concatenate([*_by_region(probability, regions, radius)])
        centers = settled_in(probability, centers, threshold, radius)
    return wanted(probability, *centers.T, threshold)


def _by_region(probability, regions, radius):
    """Centres (n, 2) of each region's sources."""
    with threadpool_limits(1):  # to start threads takes longer than to cluster so few pixels
        for i, window in enumerate(find_objects(regions), start=1):
            mine = np.where(regions[window] == i, probability[window], 0.0)
            corner = window[1].start, window[0].start
            yield _centers(mine, radius) + corner


def _centers(image, radius):
    """Centres (n, 2) of the sources in one region; pixels outside it are zero."""
    y, x = np.nonzero(image)
    points, weight = np.c_[x, y].astype(float), image[y, x]
    best = np.average(points, axis=0, weights=weight)[None]
    sources = len(points) / (np.pi * (radius + MARGIN) ** 2)
    if sources <= 1:
        return best
    highest = _intensity(image, best, radius)
    for number in range(2, int(1.5 * sources) + 2):
        centers = _kmeans(points, weight, number)
        intensity = _intensity(image, centers, radius)
        if intensity > highest:
            highest, best = intensity, centers
    return best


def _kmeans(points, weight, number):
    from sklearn.cluster import KMeans

    means = KMeans(number, n_init=1, random_state=0)
    return means.fit(points, sample_weight=weight).cluster_centers_


def _intensity(image, centers, radius):
    """Sum of the image in squares around the centres, less the penalty for pixels used again.

    Only pixels of the region count: where the squares of two sources overlap beside it, there is
    nothing to share.
    """
    y, x = np.indices(image.shape)
    away_x, away_y = (np.abs(a - c[:, None, None]) for a, c in zip((x, y), centers.T, strict=True))
    uses = np.sum(np.maximum(away_x, away_y) <= max(radius, SQUARE), axis=0)
    return np.sum(image * (uses > 0)) - PENALTY * np.sum(np.maximum(uses - 1, 0)[image > 0])
