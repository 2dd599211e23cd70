"""The data of a fermipy analysis as a SkyCube."""

from pathlib import Path

import numpy as np

from fermiml.errors import InputError
from fermiml.response import irfs
from fermiml.response.installed import load_response
from fermiml.sky.cube import SkyCube


def cube_of(gta, model=False):
    """Read counts and response of all components, whatever their pixels, energies, event types.

    With `model` the counts that the model predicts, its sources included, are the background.

    The counts are those in memory, which `gta.simulate_roi` may have replaced. The PSF is what
    `gta.compute_psf` wrote, if that was called, else the table of the IRF.
    """
    parts = [_component(component, model) for component in gta.components]
    return SkyCube(parts, "fermipy analysis", gta.workdir)


def _component(component, model):
    files, config = component.files, component.config
    ccube = Path(files["ccube"])
    psf = ccube.with_name(ccube.name.replace("ccube", "psf"))
    evtype = config["selection"]["evtype"]
    cube = SkyCube.read(
        ccube,
        exposure=files["bexpmap"],
        psf=psf if psf.is_file() else None,
        irf=_irf(config["gtlike"]["irfs"], evtype),
        evtype=evtype,
    )
    read = cube.components[0]
    read.name = component.name
    counts = component.counts_map().data
    if counts.shape == read.counts.data.shape:
        read.counts.data = counts
        if model:
            predicted = np.maximum(component.model_counts_map().data, 0)
            read.background = read.counts.copy(data=predicted.astype(np.float32))
    weights = component.weight_map().data
    if weights.shape[1:] == read.mask.shape:
        read.mask &= (weights > 0).any(axis=0)
    return read


def _irf(name, evtype):
    """Return the IRF of the configuration; None without a table of it: the header decides."""
    try:
        return load_response(name, evtype or irfs.ALL_EVENTS).name
    except InputError:
        return None
