"""The data of a fermipy analysis as a SkyCube."""

from pathlib import Path

from fermiml.sky.cube import SkyCube


def cube_of(gta):
    """Counts and response of all components, whatever their pixels, energies and event types.

    The counts are those in memory, which `gta.simulate_roi` may have replaced. The PSF is what
    `gta.compute_psf` wrote, if that was called, else the table of the IRF.
    """
    parts = [_component(component) for component in gta.components]
    return SkyCube(parts, "fermipy analysis", gta.workdir)


def _component(component):
    files, config = component.files, component.config
    ccube = Path(files["ccube"])
    psf = ccube.with_name(ccube.name.replace("ccube", "psf"))
    irf = config["gtlike"]["irfs"]
    cube = SkyCube.read(
        ccube,
        exposure=files["bexpmap"],
        psf=psf if psf.is_file() else None,
        irf=None if irf == "CALDB" else irf,
        evtype=config["selection"]["evtype"],
    )
    read = cube.components[0]
    read.name = component.name
    counts = component.counts_map().data
    if counts.shape == read.counts.data.shape:
        read.counts.data = counts
    weights = component.weight_map().data
    if weights.shape[1:] == read.mask.shape:
        read.mask &= (weights > 0).any(axis=0)
    return read
