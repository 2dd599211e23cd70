"""Norms of diffuse emission and point sources, fitted to the counts all at once.

The likelihood is written out here and not taken from `fermiml.likelihood.poisson`, whose columns
have a norm in each bin of energy: with a single norm for all bins, a whole map is one product of
matrices. Its minimiser is used.
"""

import numpy as np

from fermiml.likelihood.poisson import minimise
from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import FLUX_BAND, Shapes, Sources

PIVOT = 2000.0  # MeV
_UNIT_FLUX = 1e-9  # ph cm-2 s-1 (1-100 GeV) of a source of norm 1
_FLOOR = 1e-20  # expected counts
_ROWS = 5_000  # pixels at a time, to spare memory
_LEAST = 0.01  # norm from which the fit of a new source starts at least


class NormFit:
    """A model of diffuse emission and sources, whose norms are fitted to the counts.

    With positions and spectra fixed the likelihood is convex in the norms, so Newton's method on
    the stacked images of all sources finds the same maximum as a general minimiser, at once.
    """

    def __init__(self, components, diffuse, index):
        self._components = components
        self._observations = [Observation.like(c) for c in components]
        self._observed = [np.broadcast_to(c.mask, c.counts.data.shape) for c in components]
        self._rows = [
            np.flatnonzero((c.counts.data > 0) & seen)
            for c, seen in zip(components, self._observed, strict=True)
        ]
        self._counts = np.concatenate(
            [c.counts.data.ravel()[r] for c, r in zip(components, self._rows, strict=True)]
        ).astype(float)
        self._shape = Shapes(*(np.array([x]) for x in (PIVOT, index, 0.0, 0.0)))
        self._images, self._sums = [], np.zeros(0)  # all pixels; their sums
        self._templates = np.zeros((0, len(self._counts)))  # pixels with counts
        self.norms = np.zeros(0)
        self._diffuse = len(diffuse[0])
        parts = [
            [(slice(None), a.reshape(len(a), -1)) for a in p] for p in zip(*diffuse, strict=True)
        ]
        self._append(parts, np.ones(self._diffuse))

    def add(self, lon, lat, flux):
        """Add point sources to the model and fit all norms, from fluxes (1-100 GeV) that are
        about right."""
        if not len(lon):
            return
        shapes = self._shape[np.zeros(len(lon), int)]
        lon, lat = np.asarray(lon), np.asarray(lat)
        sources = Sources.points(lon, lat, np.full(len(lon), _UNIT_FLUX), shapes, "")
        images = [{} for _ in sources.lon]
        for k, observation in enumerate(self._observations):
            for i, pixels, values in point_sources.windows(observation, sources):
                images[i][k] = pixels, values.astype(np.float32)
        nothing = np.zeros(0, int), np.zeros((1, 0))
        images = [[i.get(k, nothing) for k in range(len(self._components))] for i in images]
        self._append(images, np.maximum(flux / _UNIT_FLUX, _LEAST))

    def _append(self, images, norms):
        """Add columns and fit: an image has for each component its pixels and the expected
        counts there (bin, pixel)."""
        templates, sums = zip(*map(self._column, images), strict=True)
        self._images.extend(images)
        self._templates = np.vstack([self._templates, *templates])
        self._sums = np.append(self._sums, sums)
        start = np.append(self.norms, norms)
        self._minimum = minimise(self._slopes, start, 0.0, np.inf)
        self.norms = self._minimum.values

    def _column(self, image):
        """Return expected counts in pixels with counts, and their sum over all observed pixels."""
        rows, total = [], 0.0
        for c, seen, used, (pixels, values) in zip(
            self._components, self._observed, self._rows, image, strict=True
        ):
            full = np.zeros((len(c.counts.data), c.mask.size))
            full[:, pixels] = values
            total += np.sum(full[seen.reshape(full.shape)])
            rows.append(full.ravel()[used])
        return np.concatenate(rows), total

    def _losses(self, norms):
        """Minus the logarithm of the likelihood, for each row of norms. Pixels without counts
        enter by the sums only."""
        losses = norms @ self._sums
        for rows in self._chunks():
            expected = np.maximum(norms @ self._templates[:, rows], _FLOOR)
            losses -= np.log(expected) @ self._counts[rows]
        return losses

    def _chunks(self):
        for start in range(0, len(self._counts), _ROWS):
            yield slice(start, start + _ROWS)

    def _slopes(self, norms):
        """Loss, gradient, curvature, and nothing that is not of a linear model."""
        loss, gradient = norms @ self._sums, self._sums.copy()
        curvature = np.zeros((len(norms), len(norms)))
        for rows in self._chunks():
            templates = self._templates[:, rows]
            expected = np.maximum(norms @ templates, _FLOOR)
            ratio = self._counts[rows] / expected
            loss -= self._counts[rows] @ np.log(expected)
            gradient -= templates @ ratio
            curvature += (templates * (ratio / expected)) @ templates.T
        return loss, gradient, curvature, np.zeros_like(curvature)

    def expected(self):
        """Compute the expected counts of the components, (bin, y, x)."""
        out = [np.zeros((len(c.counts.data), c.mask.size)) for c in self._components]
        for norm, image in zip(self.norms, self._images, strict=True):
            for total, (pixels, values) in zip(out, image, strict=True):
                total[:, pixels] += norm * values
        return [
            total.reshape(c.counts.data.shape)
            for total, c in zip(out, self._components, strict=True)
        ]

    def sources(self):
        """Flux (1-100 GeV, ph cm-2 s-1), its error, TS and expected counts of every source.

        For TS a source is taken away and all other norms move to where the likelihood's
        curvature has its maximum then; the likelihood there is exact.
        """
        covariance = self._minimum.covariance()
        present = np.flatnonzero(self.norms > 0)
        shift = covariance[present] / covariance[present, present, None]
        others = np.maximum(self.norms - shift * self.norms[present, None], 0)
        others[np.arange(len(present)), present] = 0
        ts = np.zeros(len(self.norms))
        ts[present] = 2 * (self._losses(others) - self._minimum.loss)
        error = np.sqrt(np.maximum(np.diag(covariance), 0))
        counts = self.norms * self._sums
        rows = slice(self._diffuse, None)
        flux, error = _UNIT_FLUX * self.norms[rows], _UNIT_FLUX * error[rows]
        return flux, error, np.maximum(ts[rows], 0), counts[rows]

    def density(self):
        """Flux density (MeV-1) at the pivot energy of a source of flux 1 (1-100 GeV)."""
        return 1 / float(self._shape.photons(FLUX_BAND)[0, 0])
