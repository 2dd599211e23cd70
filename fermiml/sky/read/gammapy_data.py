"""gammapy's Map, MapDataset and Datasets, as objects and as files."""

import warnings

import numpy as np
from astropy import units as u
from gammapy.maps import HpxNDMap, Map, MapAxis, WcsNDMap

from fermiml.errors import InputError
from fermiml.fitsfile import open_fits
from fermiml.fitsmaps import check_sky_keywords, with_axes
from fermiml.response.psf import PSF
from fermiml.sky.cube import Component, EnergyDispersion, Origin
from fermiml.sky.selection import Selection, merge_gti, mission_time


def components_of(data):
    """(kind, [component, ...]) of a gammapy object."""
    if isinstance(data, WcsNDMap | HpxNDMap):
        return "gammapy map", [_from_map(data)]
    from gammapy.datasets import Datasets, MapDataset

    if isinstance(data, MapDataset):
        return "gammapy MapDataset", [_from_dataset(data)]
    if isinstance(data, Datasets):
        kind = f"gammapy Datasets with {len(data)} dataset(s)"
        return kind, [_from_dataset(dataset) for dataset in data]
    raise InputError(
        f"a {type(data).__name__} cannot be read: a path, gammapy Map, MapDataset or Datasets "
        "was expected"
    )


def is_dataset_file(names):
    """Whether HDU names (upper case) are those of MapDataset.write."""
    return {"COUNTS", "COUNTS_BANDS"} <= names


def is_map_file(hdus):
    """Whether a file comes from gammapy's Map.write."""
    return any(hdu.name.upper().endswith("_BANDS") or hdu.name == "BANDS" for hdu in hdus)


def read_map_file(path):
    """Read a file written by Map.write."""
    _check_file(path)
    kind, components = components_of(Map.read(path))
    return f"{kind} file", components


def read_dataset_file(path):
    """Read a file written by MapDataset.write."""
    from gammapy.datasets import MapDataset

    _check_file(path)
    kind, components = components_of(MapDataset.read(path))
    return f"{kind} file", components


def _check_file(path):
    """Check what gammapy would not before it reads a file."""
    with open_fits(path) as hdus:
        for hdu in hdus:
            check_sky_keywords(hdu.header)
            _ = hdu.data  # so that its sums are compared


def read_datasets(path):
    """Read a YAML written by Datasets.write."""
    from gammapy.datasets import Datasets

    return components_of(Datasets.read(path))


def _in_mev(counts):
    """Return the map with its energy axis in MeV, called `energy`; the data are not copied."""
    names = [axis.name for axis in counts.geom.axes]
    if names != ["energy"]:
        raise InputError(f"the map has the axes {names or 'none'}: one axis `energy` was expected")
    axis = counts.geom.axes["energy"]
    if axis.node_type != "edges":
        raise InputError("the energy axis has nodes, not bins: not a counts map")
    edges = MapAxis.from_energy_edges(axis.edges.to("MeV"), name="energy")
    return type(counts)(with_axes(counts.geom, [edges]), counts.data)


def _from_map(counts, name="map"):
    if not counts.geom.is_regular:
        raise InputError("the geometry of the map differs between energy bins; re-bin it first")
    return Component(name, _in_mev(counts))


def _from_dataset(dataset):
    if not isinstance(getattr(dataset, "counts", None), WcsNDMap | HpxNDMap):
        raise InputError(f"dataset {dataset.name!r} has no counts map")
    dataset, note = _without_masked_bins(dataset)
    component = _from_map(dataset.counts, dataset.name)
    component.notes.extend([note] if note else [])
    component.mask = _pixel_mask(dataset, component.notes)
    component.selection = Selection(gti=_gti(dataset))
    given = Origin("the dataset")
    if dataset.background is not None:
        component.background = _in_mev(dataset.background)
    if dataset.psf is not None:
        component.psf = PSF.from_gammapy(dataset.psf, component.counts.geom.center_skydir)
        component.origins["psf"] = given
    if dataset.exposure is not None:
        component.exposure = dataset.exposure
        component.origins["exposure"] = given
    if dataset.edisp is not None:
        component.edisp = _edisp(dataset)
        component.origins["edisp"] = given
    return component


def _without_masked_bins(dataset):
    """Cut off energy bins at either end that the dataset's mask leaves without any pixel."""
    if dataset.mask is None:
        return dataset, None
    used = np.flatnonzero(np.any(dataset.mask.data, axis=(1, 2)))
    if not len(used) or len(used) == len(dataset.mask.data):
        return dataset, None
    inside = slice(used[0], used[-1] + 1)
    lost = dataset.counts.data.sum() - dataset.counts.data[inside].sum()
    note = f"energy bins that are masked everywhere are left out ({lost:.0f} counts)"
    return dataset.slice_by_idx({"energy": inside}), note


def _pixel_mask(dataset, notes):
    """Pixels that are good in every energy bin, or None when nothing is masked."""
    if dataset.mask is None:
        return None
    data = np.asarray(dataset.mask.data, bool)
    if np.any(data != data[0]):
        notes.append("the mask varies with energy: pixels masked in any bin are left out")
    return data.all(axis=0)


def _gti(dataset):
    if dataset.gti is None or not len(dataset.gti.table):
        return None
    ends = dataset.gti.time_start, dataset.gti.time_stop
    return merge_gti(np.column_stack([mission_time(times) for times in ends]))


def _edisp(dataset):
    edges = dataset.counts.geom.axes["energy"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kernel = dataset.edisp.get_edisp_kernel(
            energy_axis=edges, position=dataset.counts.geom.center_skydir
        )
    true_edges = kernel.axes["energy_true"].edges.to_value(u.MeV)
    return EnergyDispersion(true_edges, np.array(kernel.pdf_matrix))
