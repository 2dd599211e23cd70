"""Cut circles of sky out of a component of a SkyCube."""

import dataclasses

import numpy as np
from gammapy.maps import HpxGeom, HpxNDMap, WcsGeom, WcsNDMap

from fermiml.sky.sphere import unit_vectors


class Cutter:
    """Cuts circles out of a component; the directions of its pixels are computed once."""

    def __init__(self, component):
        self.component = component
        position = component.pixel_positions().galactic
        vectors = unit_vectors(position.l.deg, position.b.deg)
        self._vectors = np.nan_to_num(vectors).astype(np.float32)  # right to 0.02 arcsec

    def cut(self, center, radius):
        """Cut the component to the rectangle of pixels around those within `radius` (deg) of a
        unit vector, and mask all others; None where nothing was observed."""
        component = self.component
        near = self._vectors @ center.astype(np.float32) >= np.cos(np.radians(radius))
        near &= component.mask
        if not near.any():
            return None
        make = _cut_healpix if component.is_healpix else _cut_wcs
        window, mask_window, geom = make(component, near)
        kind = HpxNDMap if component.is_healpix else WcsNDMap
        maps = {
            name: kind(geom, np.ascontiguousarray(getattr(component, name).data[window]))
            for name in ("counts", "background")
            if getattr(component, name) is not None
        }
        mask, times = near[mask_window], component.times
        if times is not None:
            numbers = np.full(component.mask.shape, -1, np.int32)
            numbers[mask_window] = np.arange(mask.size).reshape(mask.shape)
            times = times.cut(numbers.ravel())
        return dataclasses.replace(component, mask=mask, times=times, **maps)


def _cut_wcs(component, near):
    """Find the smallest rectangle of pixels that holds all of `near`."""
    rows, columns = (np.flatnonzero(near.any(axis=axis)) for axis in (1, 0))
    window = tuple(slice(int(i[0]), int(i[-1]) + 1) for i in (rows, columns))
    old = component.counts.geom
    shape = tuple(s.stop - s.start for s in window)
    wcs = old.wcs[window]
    wcs.array_shape = shape
    geom = WcsGeom(wcs, npix=shape[::-1], axes=old.axes)
    return (slice(None), *window), window, geom


def _cut_healpix(component, near):
    pixels = np.flatnonzero(near)
    old = component.counts.geom
    numbers = component.geom.local_to_global((pixels,))[0]
    order = np.argsort(numbers)  # gammapy keeps the pixels of a part of the sky in order
    geom = HpxGeom(old.nside[:1], old.nest, old.frame, region=(numbers[order],), axes=old.axes)
    return (slice(None), pixels[order]), pixels[order], geom
