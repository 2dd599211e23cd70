"""The network input around a source, and the photons on which its score depends.

Saliency is by occlusion: photons are replaced by the smooth background, the features are made
anew, and the score of the source falls by more or less.
"""

from dataclasses import dataclass

import numpy as np

from fermiml.detect.finder import heatmap_of
from fermiml.features.patch_features import CHANNELS, SPECTRA, unstabilised
from fermiml.features.views import BATCH
from fermiml.progress import progress_bar
from fermiml.sky.bands import BANDS

REACH = 25  # pixels around the source that are looked at
_NEAR = 2  # pixels from the source within which its score is sought
_DISC, _STEP, _PLACES = 3.0, 2, 9  # pixels, pixels, number along a side: discs that are emptied
_BAND_DISC = 10.0  # pixels: where a band is emptied


@dataclass(frozen=True)
class Explanation:
    """The network input around a source; maps are (y, x) with offsets in deg from the source.

    Bands are the five that all networks look at.
    """

    extent: tuple  # deg: left, right, bottom, top of the maps
    counts: np.ndarray  # (band, y, x), all components together
    significance: np.ndarray  # (band, y, x): matched filter, in sigma
    joint: np.ndarray  # (spectrum, y, x): root of the TS, all bands together
    heatmap: np.ndarray  # the network's probability
    score: float  # the largest one near the source
    saliency: np.ndarray  # by how much the score falls when a disc there is emptied
    saliency_extent: tuple
    without: np.ndarray  # (band,): the score when the band is emptied, NaN if the data lack it
    geom: object  # of the patch, and where in it the source is
    pixel: tuple
    side: float  # deg, of a pixel

    def offset(self, position):
        """Offsets (deg) of SkyCoords from the source, in the maps' axes."""
        x, y = self.geom.coord_to_pix(position)
        return (x - self.pixel[0]) * self.side, (y - self.pixel[1]) * self.side


def explain(position, views, finder):
    """Compute the network input around a position, and the features that determine its score.

    Parameters
    ----------
    position : SkyCoord
    views : fermiml.features.views.Views
    finder : fermiml.detect.finder.Finder
        One that has a heatmap.

    Returns
    -------
    Explanation
    """
    number, pixel = views.deepest(position)
    view = views[number]
    heatmap = heatmap_of(finder, view.features[None])[0]
    window, borders = _window(pixel, len(heatmap))
    bands, joint = _channels(view.features)
    present = bands[CHANNELS.index("covered")].any(axis=(1, 2))
    places, place_borders = _places(pixel)
    discs = [(place, _DISC, slice(None)) for place in places]
    discs += [(pixel, _BAND_DISC, band) for band in np.flatnonzero(present)]
    scores = _scores_without(discs, pixel, view, views, finder)
    score = _score(heatmap, pixel)
    without = np.full(len(BANDS), np.nan)
    without[present] = scores[len(places) :]
    return Explanation(
        tuple(views.pixel * border for border in borders),
        view.patch.counts.sum(axis=0)[: len(BANDS), *window],
        bands[CHANNELS.index("filter")][:, *window],
        joint[:, *window],
        heatmap[window],
        score,
        (score - scores[: len(places)]).reshape(_PLACES, _PLACES),
        tuple(views.pixel * border for border in place_borders),
        without,
        view.patch.geom,
        pixel,
        views.pixel,
    )


def _window(pixel, size):
    """Slices (y, x) around a pixel; their borders in pixels from it: left, right, bottom, top."""
    starts = [max(round(p) - REACH, 0) for p in pixel]
    stops = [min(round(p) + REACH + 1, size) for p in pixel]
    borders = [
        end - 0.5 - p
        for p, start, stop in zip(pixel, starts, stops, strict=True)
        for end in (start, stop)
    ]
    return (slice(starts[1], stops[1]), slice(starts[0], stops[0])), tuple(borders)


def _channels(features):
    """Features (y, x, feature) as (channel, band, y, x), and the joint significances."""
    features = np.moveaxis(features, -1, 0)
    number = len(CHANNELS) * len(BANDS)
    bands = features[:number].reshape(len(CHANNELS), len(BANDS), *features.shape[1:])
    return bands, features[number : number + len(SPECTRA)]


def _places(pixel):
    """Pixels (x, y) in rows around the source, and the borders of their grid, in pixels from it."""
    steps = (np.arange(_PLACES) - _PLACES // 2) * _STEP
    half = _PLACES * _STEP / 2
    return [(pixel[0] + dx, pixel[1] + dy) for dy in steps for dx in steps], (-half, half) * 2


def _scores_without(discs, pixel, view, views, finder):
    """Score the source when bands in a disc (position, radius, bands) show only background."""
    scores = []
    with progress_bar(what="occlusion", total=len(discs), delay=2) as bar:
        for first in range(0, len(discs), BATCH):
            some = discs[first : first + BATCH]
            features = [views.features(view, _emptied(view, *disc)) for disc in some]
            maps = heatmap_of(finder, np.array(features))
            scores += [_score(heatmap, pixel) for heatmap in maps]
            bar.update(len(some))
    return np.array(scores)


def _emptied(view, place, radius, bands):
    """Return the counts of a view with the smooth background in place of a disc's photons."""
    counts = view.patch.counts.copy()
    fine = counts[:, : len(BANDS)]
    expected = unstabilised(_channels(view.features)[0][CHANNELS.index("background")])
    fraction = fine.sum(axis=(2, 3)) / np.maximum(fine.sum(axis=(0, 2, 3)), 1)
    y, x = np.indices(fine.shape[2:])
    disc = np.hypot(x - place[0], y - place[1]) <= radius
    empty = fraction[:, :, None, None] * expected
    fine[:, bands, disc] = empty[:, bands, disc]
    return counts


def _score(heatmap, pixel):
    y, x = np.indices(heatmap.shape)
    return float(heatmap[np.hypot(x - pixel[0], y - pixel[1]) <= _NEAR].max())
