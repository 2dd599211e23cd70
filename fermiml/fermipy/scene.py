"""The counts of an analysis, and images of sources whose norms are fitted to them.

The images of the model's sources are those of the Fermitools. Seeds that are not in the model
have images that fermipy interpolates (as for its TS maps), so that they can be tried and moved
while nothing in the Fermitools changes.
"""

import numpy as np
from astropy import units as u

from fermiml.fermipy import engine
from fermiml.fermipy.image_norms import fit_norms
from fermiml.fermipy.position_fit import PER_SIGMA, climb

_PIVOT = 1000.0  # MeV, about which spectra are tilted
_TILTS = np.arange(-1.0, 2.01, 0.25)  # of a spectrum, added to its index


class Scene:
    """Images by name, their norms, and what the rest of the model predicts.

    Only pixels with counts are kept: elsewhere the log-likelihood is the sum of the model.

    Parameters
    ----------
    gta
        A fermipy analysis.
    names : iterable of str
        The sources of the model that get an image of their own.
    """

    def __init__(self, gta, names=()):
        names = list(names)
        self._parts = [_Part(component, names) for component in gta.components]
        self.counts, self._rest, self._energy, self._middle = (
            np.concatenate([getattr(part, key) for part in self._parts])
            for key in ("counts", "rest", "energy", "middle")
        )
        self._images, self.norms = {}, {}
        for name in names:
            images, sums = zip(*(part.of_model(name) for part in self._parts), strict=True)
            self.put(name, np.concatenate(images), float(np.sum(sums)))

    def put(self, name, image, total, norm=1.0):
        """Put an image, or another one in its place."""
        self._images[name], self.norms[name] = (image, total), norm

    def drop(self, name):
        """Take an image away."""
        del self._images[name], self.norms[name]

    def fit(self, names):
        """Fit the norms of images, with those of the others unchanged; return the log-likelihood,
        but for what is the same for all fits of these."""
        norms, loglike = self._best(names)
        self.norms.update(norms)
        return loglike

    def ts(self, name, refitted=()):
        """Return the TS of an image: without it, the norms of those `refitted` are fitted."""
        _, present = self._best(())
        _, absent = self._best(refitted, without=name)
        return 2 * (present - absent)

    def _best(self, free, without=None):
        """Return the best norms of the `free` images, and the log-likelihood with them."""
        free = [name for name in free if name != without]
        rest, constant = self._without({*free, without})
        images = np.array([self._images[name][0] for name in free]).reshape(-1, len(rest))
        totals = np.array([self._images[name][1] for name in free])
        norms, value = fit_norms(
            self.counts, rest, images, totals, [self.norms[name] for name in free]
        )
        return dict(zip(free, norms, strict=True)), value - constant

    def _without(self, names):
        """Return the model without some images, and what the others predict everywhere."""
        others = self._images.keys() - names
        rest = sum((self.norms[o] * self._images[o][0] for o in others), self._rest)
        return rest, sum(self.norms[o] * self._images[o][1] for o in others)

    def template(self, source, spectra):
        """Return the image of a source as a function of its position.

        `spectra` are its counts by component and energy, where it is now. The function returns
        values and, by component and energy, what the image predicts everywhere.
        """
        moving = [
            part.movable(source, np.asarray(spectrum))
            for part, spectrum in zip(self._parts, spectra, strict=True)
        ]

        def image(place):
            images, sums = zip(*(of(place) for of in moving), strict=True)
            return np.concatenate(images), np.concatenate(sums)

        return image

    def tilted(self, image, tilt):
        """Return an image of a template with another spectral index, and its total, for `put`."""
        values, sums = image
        return values * self._energy**-tilt, float(sums @ self._middle**-tilt)

    def best_tilt(self, name, image):
        """Return the tilt of the spectrum with which an image of a template fits best."""
        rest, _ = self._without({name})
        norm = self.norms[name]
        values = [self._one(rest, self.tilted(image, tilt), norm)[1] for tilt in _TILTS]
        return float(_TILTS[np.argmax(values)])

    def localize(self, name, image, start, sigma):
        """Find position and covariance of an image, and put it there; None if there is no maximum.

        `image` is a function of position, which returns what `put` takes; `sigma` (deg) is a guess
        of the position's error. The norm is fitted at each position, and nothing else.
        """
        rest, _ = self._without({name})
        norm = self.norms[name]
        found = climb(
            lambda offset: self._one(rest, image(_moved(start, offset)), norm)[1],
            PER_SIGMA * sigma,
        )
        if found is None:
            return None
        place = _moved(start, found[0])
        there = image(place)
        self.put(name, *there, self._one(rest, there, norm)[0])
        return place, found[1]

    def _one(self, rest, image, norm):
        """Fit the norm of one image; return it and the log-likelihood."""
        values, total = image
        (found,), value = fit_norms(self.counts, rest, [values], np.array([total]), [norm])
        return found, value


class _Part:
    """One component: its counts where there are any, and the model of these without sources."""

    def __init__(self, component, names):
        self._component = component
        edges = component.energies
        self._lower = (edges[1:] / (edges[:-1] + edges[1:]))[:, None, None]  # for an index of 2
        self.middle = np.sqrt(edges[1:] * edges[:-1]) / _PIVOT
        self._weights = component.weight_map().data
        counts = self._weights * component.counts_map().data
        self._seen = counts > 0
        self.counts = counts[self._seen].astype(float)
        self.energy = np.repeat(self.middle, self._seen.sum(axis=(1, 2)))  # of each such pixel
        self.rest = component.model_counts_map(exclude=names).data[self._seen].astype(float)

    def of_model(self, name):
        """Return the image of a source of the model, and its sum."""
        cube = self._component.model_counts_map(name).data
        return cube[self._seen].astype(float), np.sum(self._weights * cube)

    def movable(self, source, spectrum):
        """Return the image of a source as a function of position, and its sums by energy.

        `spectrum` are its counts in each energy bin where it is now.
        """
        # What fermipy shifts to make an image.
        self._component._create_srcmap_cache(source.name, source)
        kernel = self._component._srcmap_cache.pop(source.name)
        sums = self._shape(kernel, source.skydir).sum(axis=(1, 2))
        norm = np.divide(spectrum, sums, out=np.zeros(len(sums)), where=sums > 0)[:, None, None]

        def image(place):
            cube = norm * self._shape(kernel, place)
            return cube[self._seen], np.sum(self._weights * cube, axis=(1, 2))

        return image

    def _shape(self, kernel, place):
        """Return an image for each energy bin, from fermipy's at the edges of the bins."""
        x, y = self._component.geom.to_image().coord_to_pix(place)
        edges = kernel.create_map([np.atleast_1d(y), np.atleast_1d(x)])
        return self._lower * edges[:-1] + (1 - self._lower) * edges[1:]


def _moved(place, offset):
    return place.spherical_offsets_by(*(offset * u.deg))


def reoptimized_ts(gta, names, radius):
    """Compute the TS of sources of the model, with neighbours and diffuse norms refitted without.

    As `gta.like.Ts2(name, reoptimize=True)` does, but with Newton's method instead of MINUIT.
    """
    diffuse = {source.name for source in gta.roi.diffuse_sources}
    near = {name: engine.neighbours(gta, [gta.roi[name].skydir], radius) for name in names}
    scene = Scene(gta, sorted({*names, *diffuse}.union(*near.values())))
    return np.array([scene.ts(name, sorted(near[name] | diffuse)) for name in names])
