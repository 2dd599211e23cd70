"""Norms of diffuse emission and point sources, fitted to the counts all at once."""

import numpy as np

from fermiml.likelihood.poisson import Poisson, minimise
from fermiml.simulate import render
from fermiml.simulate.observation import Observation
from fermiml.simulate.sources import FLUX_BAND, Shapes, Sources

PIVOT = 2000.0  # MeV
_UNIT_FLUX = 1e-9  # ph cm-2 s-1 (1-100 GeV) of a source of norm 1
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
        self._shape = Shapes(*(np.array([x]) for x in (PIVOT, index, 0.0, 0.0)))
        self._images, self._templates, self._sums = [], [], []
        self._diffuse = len(diffuse[0])
        for part in zip(*diffuse, strict=True):
            self._append([(slice(None), a.reshape(len(a), -1)) for a in part])
        self.norms = np.ones(self._diffuse)
        self._refit()

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
            for i, pixels, values in render.windows(observation, sources):
                images[i][k] = pixels, values.astype(np.float32)
        for image in images:
            nothing = np.zeros(0, int), np.zeros((1, 0))
            self._append([image.get(k, nothing) for k in range(len(self._components))])
        self.norms = np.append(self.norms, np.maximum(flux / _UNIT_FLUX, _LEAST))
        self._refit()

    def _append(self, image):
        """Add a column: for each component its pixels and expected counts there (bin, pixel)."""
        rows, sums = [], []
        for c, seen, used, (pixels, values) in zip(
            self._components, self._observed, self._rows, image, strict=True
        ):
            full = np.zeros((len(c.counts.data), c.mask.size))
            full[:, pixels] = values
            sums.append(np.sum(full * seen.reshape(full.shape), axis=1))
            rows.append(full.ravel()[used])
        self._images.append(image)
        self._templates.append(np.concatenate(rows))
        self._sums.append(np.concatenate(sums))

    def _refit(self):
        counts = [
            c.counts.data.ravel()[rows].astype(float)
            for c, rows in zip(self._components, self._rows, strict=True)
        ]
        starts, total = [0], 0
        for c, rows in zip(self._components, self._rows, strict=True):
            edges = np.arange(1, len(c.counts.data) + 1) * c.mask.size
            starts.extend(total + np.searchsorted(rows, edges))
            total += len(rows)
        self._likelihood = Poisson(
            np.array(self._templates),
            np.array(self._sums),
            np.concatenate(counts),
            np.zeros(total),
            np.array(starts),
        )
        self._minimum = minimise(self._slopes, self.norms, 0.0, np.inf)
        self.norms = self._minimum.values

    def _slopes(self, norms):
        """Loss, gradient and curvature (all of it that of a linear model): a norm is the same
        in all bins."""
        loss, gradient, by_bin = self._likelihood.slopes(self._by_bin(norms))
        curvature = by_bin.sum(axis=0)
        return loss, gradient.sum(axis=1), curvature, np.zeros_like(curvature)

    def _by_bin(self, norms):
        return np.broadcast_to(norms[:, None], (len(norms), len(self._sums[0])))

    def expected(self):
        """Expected counts of the components, (bin, y, x)."""
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
        ts = np.zeros(len(self.norms))
        for j in np.flatnonzero(self.norms > 0):
            others = self.norms - covariance[:, j] / covariance[j, j] * self.norms[j]
            others = np.maximum(others, 0)
            others[j] = 0
            ts[j] = 2 * (self._likelihood.loss(self._by_bin(others)) - self._minimum.loss)
        error = np.sqrt(np.maximum(np.diag(covariance), 0))
        counts = self.norms * np.sum(self._sums, axis=1)
        rows = slice(self._diffuse, None)
        flux, error = _UNIT_FLUX * self.norms[rows], _UNIT_FLUX * error[rows]
        return flux, error, np.maximum(ts[rows], 0), counts[rows]

    def density(self):
        """Flux density (MeV-1) at the pivot energy of a source of flux 1 (1-100 GeV)."""
        return 1 / float(self._shape.photons(FLUX_BAND)[0, 0])
