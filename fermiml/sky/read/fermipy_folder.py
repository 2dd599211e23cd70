"""The output folder of a fermipy analysis: components NN with ccube, psf, drm and bexpmap."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from fermiml.errors import InputError
from fermiml.fitsfile import open_fits
from fermiml.fitsmaps import read_nodes_map
from fermiml.response.installed import installed_irfs
from fermiml.sky.cube import EnergyDispersion, Origin
from fermiml.sky.read.complete import read_psf
from fermiml.sky.read.gtbin import read_counts_hdus
from fermiml.wording import counted
from fermiml.yamlfile import read_yaml

_CCUBE = re.compile(r"ccube(?:_(\d+))?\.fits(?:\.gz)?")


def read_folder(folder, config=None):
    """All components of a folder: (kind, [component, ...])."""
    folder = Path(folder)
    cubes = _counts_files(folder)
    if not cubes:
        raise InputError(
            f"{folder}: contains no ccube_NN.fits, which fermipy's gta.setup() writes; if this is "
            "no fermipy folder, name one of its files"
        )
    config = _find_config(folder) if config is None else config
    components = [_read_component(folder, *item, config) for item in cubes.items()]
    return f"fermipy folder with {counted(len(components), 'component')}", components


def read_config(path, config):
    """Read the folder that a fermipy YAML names in `fileio: outdir`, else the YAML's own."""
    outdir = (config.get("fileio") or {}).get("outdir") or "."
    folder = path.parent / str(outdir)
    if not _counts_files(folder):
        folder = path.parent
    if not _counts_files(folder):
        raise InputError(
            f"{path}: there is no ccube_NN.fits in its outdir {outdir!r} nor beside it; "
            "run gta.setup() of fermipy first"
        )
    return read_folder(folder, config)


def _counts_files(folder):
    """Map component numbers to paths; the summed ccube.fits only where there are no components."""
    found = {}
    for path in sorted(folder.glob("ccube*.fits*")) if folder.is_dir() else ():
        match = _CCUBE.fullmatch(path.name)
        if match:
            found[match[1]] = path
    if len(found) > 1:
        found.pop(None, None)
    return found


def _find_config(folder):
    """Return the first fermipy configuration in the folder, or an empty one."""
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        config = read_yaml(path)
        if is_config(config):
            return config
    return {}


def is_config(content):
    """Whether the content of a YAML file is a fermipy configuration."""
    return isinstance(content, dict) and bool({"binning", "selection"} & set(content))


def _read_component(folder, number, path, config):
    with open_fits(path) as hdus:
        _, (component,) = read_counts_hdus(hdus, path.name)
    component.selection = _fill_from_config(component.selection, config, int(number or 0))
    suffix = f"_{number}" if number else ""
    psf = _file(folder, f"psf{suffix}")
    if psf:
        component.psf = read_psf(psf, None)
        component.origins["psf"] = Origin(psf.name)
    drm = _file(folder, f"drm{suffix}")
    if drm:
        component.edisp = read_drm(drm, component.energy_edges)
        component.origins["edisp"] = Origin(drm.name)
    exposure = _file(folder, f"bexpmap{suffix}") or _file(folder, f"bexpmap_roi{suffix}")
    if exposure:
        component.exposure = read_nodes_map(exposure, "cm2 s", component.counts.geom.frame)
        component.origins["exposure"] = Origin(exposure.name)
    return component


def _file(folder, stem):
    for suffix in (".fits", ".fits.gz"):
        path = folder / (stem + suffix)
        if path.exists():
            return path
    return None


def _fill_from_config(selection, config, number):
    """Fill in from the YAML what the header does not say; entries of a component come first."""
    components = config.get("components") or []
    own = components[number] if number < len(components) else {}
    if not isinstance(own, dict):
        raise InputError("the fermipy configuration has a component that is not a mapping")

    def setting(section, key):
        for part in (own, config):
            value = (part.get(section) or {}).get(key)
            if value is not None:
                return value
        return None

    evclass, evtype = setting("selection", "evclass"), setting("selection", "evtype")
    irf = setting("gtlike", "irfs")
    return replace(
        selection,
        evclass=selection.evclass or evclass,
        evtype=selection.evtype or evtype,
        irf=selection.irf or (str(irf) if irf in installed_irfs() else None),
    )


def read_drm(path, edges):
    """Read the detector response matrix of gtdrm, for counts bins with these edges (MeV).

    Its EBOUNDS hold channel numbers, not energies, so the channels are taken to be the
    bins of the counts.
    """
    with open_fits(path) as hdus:
        table = hdus["DRM"].data
        low, high = np.array(table["ENERG_LO"], float), np.array(table["ENERG_HI"], float)
        width = len(edges) - 1
        matrix = np.zeros((len(table), width))
        for row, entry in zip(matrix, table, strict=True):
            values = np.ravel(entry["MATRIX"])
            if len(values) != width or np.ravel(entry["N_CHAN"])[0] != width:
                raise InputError(f"the matrix has {len(values)} channels, the counts {width} bins")
            row[:] = values
    return EnergyDispersion(np.append(low, high[-1]), matrix)
