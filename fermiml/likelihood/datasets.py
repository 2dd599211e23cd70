"""A SkyCube as gammapy datasets, to go on with in one's own gammapy code."""

import numpy as np
from astropy import units as u
from gammapy.datasets import Datasets, MapDataset
from gammapy.irf import EDispKernel, EDispKernelMap
from gammapy.maps import MapAxis, WcsNDMap

from fermiml.errors import InputError
from fermiml.likelihood import background as backgrounds
from fermiml.likelihood import cut
from fermiml.response.psf import PSF

_CONTAINED = 0.98  # of the PSF at the lowest energy; its tail would make kernels of 60 deg


def to_datasets(cube, *, galdiff=None, iso=None):
    """Convert the components of a cube to gammapy `Datasets`.

    Exposure, PSF, energy dispersion and background are those used by `fermiml fit`: the background
    is that of the cube, else built from `galdiff` and `iso`, else the embedded one.
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
    planes = model.planes(component, seen).sum(axis=0)
    return build(
        component.name,
        component.counts,
        component.mask,
        background=planes.reshape(geom.data_shape),
        true_edges=seen.true_edges,
        exposure=seen.exposure(seen.pixels.lon, seen.pixels.lat),
        dispersion=seen.dispersion,
        psf=_trimmed(seen.psf, seen.true_energy[0]),
    )


def build(name, counts, mask, *, background, true_edges, exposure, dispersion, psf):
    """Build a MapDataset from a counts map and arrays.

    `exposure` (cm2 s) is for (true bin, pixels...), `dispersion` the probability (true bin,
    counts bin), `mask` marks the observed pixels.
    """
    geom, energy = counts.geom, counts.geom.axes["energy"]
    true = MapAxis.from_energy_edges(true_edges * u.MeV, name="energy_true")
    true_geom = geom.to_image().to_cube([true])
    kernel = EDispKernel(axes=[true, energy], data=dispersion)
    seen = np.broadcast_to(mask, geom.data_shape)
    return MapDataset(
        name=name,
        counts=counts,
        background=WcsNDMap(geom, background),
        exposure=WcsNDMap(true_geom, exposure.reshape(true_geom.data_shape), unit="cm2 s"),
        psf=psf.to_gammapy(true),
        edisp=EDispKernelMap.from_edisp_kernel(kernel),
        mask_safe=WcsNDMap(geom, seen.copy()),
    )


def _trimmed(psf, lowest):
    """Trim the PSF to where little is left at the lowest energy, and keep the whole integral."""
    radius = psf.containment_radius(np.array([lowest]), _CONTAINED)[0]
    inside = psf.rad <= radius
    return PSF(psf.energy, psf.rad[inside], psf.values[:, inside]).normalized()
