"""The sky of an analysis with some sources as images, which can be anywhere.

fermipy's `localize` makes a new source map in the Fermitools at each of 25 positions. Here fermipy
interpolates the images, and nothing in the Fermitools changes before the best position is known.
"""

import numpy as np
from astropy import units as u

from fermiml.fermipy.position_fit import PER_SIGMA, climb

_NEWTON = 30  # most steps
_NOTHING = 1e-12  # counts of a model that predicts none


class Scene:
    """Counts, images of sources, and what the Fermitools predict without these sources.

    Only pixels with counts are kept: elsewhere the log-likelihood is the sum of the model.

    Parameters
    ----------
    gta
        A fermipy analysis.
    names : list of str
        The sources; their spectra are those of the model.
    """

    def __init__(self, gta, names):
        self._gta = gta
        self._parts = [_Part(component, names) for component in gta.components]
        self._counts, self._rest = (
            np.concatenate([getattr(part, key) for part in self._parts])
            for key in ("counts", "rest")
        )
        self._images = {}
        for name in names:
            self._images[name] = self._movable(name)(gta.roi[name].skydir)

    def localize(self, name, sigma):
        """Find position and covariance of a source; None where there is no maximum.

        `sigma` (deg) is a guess of the position's error. The norm of the source is fitted at each
        position, and nothing else. The others are where they were found before.
        """
        start = self._gta.roi[name].skydir.icrs
        others = (image for other, (image, _) in self._images.items() if other != name)
        rest = np.maximum(sum(others, self._rest), _NOTHING)
        image = self._movable(name)
        found = climb(
            lambda offset: best_loglike(self._counts, rest, *image(_moved(start, offset))),
            PER_SIGMA * sigma,
        )
        if found is None:
            return None
        place = _moved(start, found[0])
        self._images[name] = image(place)
        return place, found[1]

    def _movable(self, name):
        """Return a function of a position: the image there at `_counts`, and its sum everywhere."""
        source = self._gta.roi[name]
        spectra = self._gta.model_counts_spectrum(name)
        moving = [
            part.movable(source, np.asarray(spectrum))
            for part, spectrum in zip(self._parts, spectra, strict=True)
        ]

        def image(place):
            images, sums = zip(*(of(place) for of in moving), strict=True)
            return np.concatenate(images), sum(sums)

        return image


class _Part:
    """One component: its counts where there are any, and the model of these without sources."""

    def __init__(self, component, names):
        self._component, self._kernels = component, {}
        edges = component.energies
        self._lower = (edges[1:] / (edges[:-1] + edges[1:]))[:, None, None]  # for an index of 2
        self._weights = component.weight_map().data
        counts = self._weights * component.counts_map().data
        self._seen = counts > 0
        self.counts = counts[self._seen]
        self.rest = component.model_counts_map(exclude=list(names)).data[self._seen]

    def movable(self, source, spectrum):
        """Return the image of a source as a function of its position, and its sum.

        `spectrum` are its counts in each energy bin where it is now.
        """
        kernel = self._kernel(source)
        sums = self._shape(kernel, source.skydir).sum(axis=(1, 2))
        norm = np.divide(spectrum, sums, out=np.zeros(len(sums)), where=sums > 0)[:, None, None]

        def image(place):
            cube = norm * self._shape(kernel, place)
            return cube[self._seen], np.sum(self._weights * cube)

        return image

    def _kernel(self, source):
        """Return what fermipy shifts to make an image, once for all sources of one shape.

        Its exposure is that of the first of them, but norms come from spectra.
        """
        shape = (source["SpatialModel"], source["SpatialWidth"])
        if shape not in self._kernels:
            self._component._create_srcmap_cache(source.name, source)
            self._kernels[shape] = self._component._srcmap_cache.pop(source.name)
        return self._kernels[shape]

    def _shape(self, kernel, place):
        """Return an image for each energy bin, from fermipy's at the edges of the bins."""
        x, y = self._component.geom.to_image().coord_to_pix(place)
        edges = kernel.create_map([np.atleast_1d(y), np.atleast_1d(x)])
        return self._lower * edges[:-1] + (1 - self._lower) * edges[1:]


def _moved(place, offset):
    return place.spherical_offsets_by(*(offset * u.deg))


def best_loglike(counts, rest, image, total):
    """Maximize the log-likelihood of counts over the norm of an image, by Newton's method.

    `rest` is the model without the image, and `total` what the image predicts everywhere, also
    where there are no counts.
    """
    norm = 1.0
    for _ in range(_NEWTON):
        ratio = image / (rest + norm * image)
        slope, curvature = counts @ ratio - total, counts @ ratio**2
        if not curvature > 0:
            break
        before, norm = norm, max(norm + slope / curvature, norm / 10)  # it is never negative
        if abs(norm - before) < 1e-4 * norm:
            break
    return counts @ np.log(rest + norm * image) - norm * total
