"""Cut circles of sky out of a component of a SkyCube."""

import dataclasses

import numpy as np
from gammapy.maps import HpxGeom, HpxNDMap, WcsGeom, WcsNDMap

from fermiml.fitsmaps import image_geom
from fermiml.sky.sphere import unit_vectors

_RIM = 2.0  # pixels of the exposure, for interpolation around what is asked for


class Cutter:
    """Cuts circles out of a component; the directions of its pixels are computed once."""

    def __init__(self, component):
        self.component = component
        self._counts = _Image(component.geom)
        exposure = component.exposure
        # A map of a part of the sky stays whole: its nearest pixel stands for what is beyond it.
        is_cut = exposure is not None and exposure.geom.is_allsky
        self._exposure = _Image(image_geom(exposure.geom)) if is_cut else None

    def cut(self, center, radius, reach=180.0):
        """Cut the component to the rectangle of pixels around those within `radius` (deg) of a
        unit vector, and mask all others; None where nothing was observed.

        The exposure is cut to what is needed within `reach` (deg).
        """
        component = self.component
        near = self._counts.near(center, radius) & component.mask
        if not near.any():
            return None
        part = self._counts.part(near)
        maps = {
            name: part.of(getattr(component, name))
            for name in ("counts", "background")
            if getattr(component, name) is not None
        }
        exposure = self.exposure(center, reach)
        mask, times = near[part.window], component.times
        if times is not None:
            numbers = np.full(component.mask.shape, -1, np.int32)
            numbers[part.window] = np.arange(mask.size).reshape(mask.shape)
            times = times.cut(numbers.ravel())
        return dataclasses.replace(component, mask=mask, exposure=exposure, times=times, **maps)

    def exposure(self, center, reach):
        """Cut the map of the exposure to what is needed within `reach` (deg) of a unit vector."""
        if self._exposure is None:
            return self.component.exposure
        near = self._exposure.near(center, reach + _RIM * self._exposure.pixel)
        return self._exposure.part(near).of(self.component.exposure)


class _Image:
    """The pixels of a map as directions."""

    def __init__(self, geom):
        self._geom = geom
        position = geom.get_coord().skycoord.galactic
        vectors = unit_vectors(position.l.deg, position.b.deg)
        self._vectors = np.nan_to_num(vectors).astype(np.float32)  # right to 0.02 arcsec

    @property
    def pixel(self):
        """Side of the largest pixel (deg)."""
        if self._geom.is_hpx:
            return float(np.sqrt(self._geom.solid_angle().to_value("deg2").max()))
        return float(self._geom.pixel_scales.to_value("deg").max())

    def near(self, center, radius):
        """Which pixels are within `radius` (deg) of a unit vector."""
        cosine = np.cos(np.radians(min(radius, 180.0)))
        return self._vectors @ center.astype(np.float32) >= cosine

    def part(self, near):
        """Return the smallest part of the map that holds some pixels."""
        return (_HealpixPart if self._geom.is_hpx else _WcsPart)(self._geom, near)


class _WcsPart:
    """A rectangle of pixels."""

    def __init__(self, geom, near):
        rows, columns = (np.flatnonzero(near.any(axis=axis)) for axis in (1, 0))
        self.window = tuple(slice(int(i[0]), int(i[-1]) + 1) for i in (rows, columns))
        self._shape = tuple(s.stop - s.start for s in self.window)
        self._wcs = geom.wcs[self.window]
        self._wcs.array_shape = self._shape

    def of(self, whole):
        """Cut a map that has energies, too."""
        geom = WcsGeom(self._wcs, npix=self._shape[::-1], axes=whole.geom.axes)
        data = np.ascontiguousarray(whole.data[:, *self.window])
        return WcsNDMap(geom, data, unit=whole.unit)


class _HealpixPart:
    """Some pixels; gammapy keeps those of a part of the sky in order."""

    def __init__(self, geom, near):
        pixels = np.flatnonzero(near)
        numbers = geom.local_to_global((pixels,))[0]
        order = np.argsort(numbers)
        self._numbers, self.window = numbers[order], pixels[order]

    def of(self, whole):
        """Cut a map that has energies, too."""
        old = whole.geom
        geom = HpxGeom(old.nside[:1], old.nest, old.frame, region=(self._numbers,), axes=old.axes)
        return HpxNDMap(geom, np.ascontiguousarray(whole.data[:, self.window]), unit=whole.unit)
