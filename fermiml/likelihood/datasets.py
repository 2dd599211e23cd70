"""A SkyCube as gammapy datasets, to go on with in one's own gammapy code."""

import numpy as np
from astropy import units as u
from gammapy.datasets import Datasets, MapDataset
from gammapy.irf import EDispKernel, EDispKernelMap
from gammapy.maps import MapAxis, WcsNDMap

from fermiml.errors import InputError
from fermiml.likelihood import background as backgrounds
from fermiml.likelihood import cut
from fermiml.sky.psf import PSF

_CONTAINED = 0.98  # of the PSF at the lowest energy; its tail would make kernels of 60 deg


def to_datasets(cube, *, galdiff=None, iso=None):
    """The components of a cube as gammapy `Datasets`.

    Exposure, PSF and energy dispersion are those that `fermiml fit` takes, and so is the
    background: that of the cube, else built from `galdiff` and `iso`, else the embedded one.
    """
    cut.check(cube)
    model = backgrounds.choose(cube, galdiff, iso)
    return Datasets([_dataset(component, model) for component in cube.components])


def _dataset(component, model):
    if component.is_healpix:
        raise InputError(
            f"component {component.name}: gammapy's MapDataset needs WCS pixels, not HEALPix"
        )
    seen, geom = cut.observe(component), component.counts.geom
    energy = geom.axes["energy"]
    true = MapAxis.from_energy_edges(seen.true_edges * u.MeV, name="energy_true")
    exposure = seen.exposure(seen.pixels.lon, seen.pixels.lat)
    kernel = EDispKernel(axes=[true, energy], data=seen.dispersion)
    planes = model.planes(component, seen).sum(axis=0)
    mask = np.broadcast_to(component.mask, geom.data_shape)
    return MapDataset(
        name=component.name,
        counts=component.counts,
        background=WcsNDMap(geom, planes.reshape(geom.data_shape)),
        exposure=WcsNDMap(
            geom.to_image().to_cube([true]),
            exposure.reshape(-1, *geom.data_shape[1:]),
            unit="cm2 s",
        ),
        psf=_trimmed(seen.psf, seen.true_energy[0]).to_gammapy(),
        edisp=EDispKernelMap.from_edisp_kernel(kernel),
        mask_safe=WcsNDMap(geom, mask.copy()),
    )


def _trimmed(psf, lowest):
    """The PSF out to where little is left at the lowest energy, with the whole integral."""
    radius = psf.containment_radius(np.array([lowest]), _CONTAINED)[0]
    inside = psf.rad <= radius
    return PSF(psf.energy, psf.rad[inside], psf.values[:, inside]).normalized()
