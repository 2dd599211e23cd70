"""Simulated fields, read back with their truth."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fermiml.catalog.catalog import SourceCatalog
from fermiml.errors import InputError
from fermiml.sky.cube import SkyCube

_TRUTH = ("truth.fits", "*/truth.fits")  # of a single field, of several


@dataclass(frozen=True)
class Sky:
    """A simulated field and its truth."""

    name: str
    cube: SkyCube
    truth: SourceCatalog
    ts: np.ndarray  # Asimov TS at the energies of the cube


def fields_of(folder):
    """List the folders of the fields that `fermiml simulate` made."""
    folder = Path(folder).expanduser()
    fields = sorted(p.parent for pattern in _TRUTH for p in folder.glob(pattern))
    if not fields:
        raise InputError(f"{folder}: contains no simulated fields (truth.fits)")
    return fields


def read_sky(folder, background="background", lowest=None):
    """Read the cube and the truth of a folder of `fermiml simulate`.

    Without a response beside the counts, that of their header is taken. `lowest` (MeV) leaves
    out the bins below it.
    """
    folder = Path(folder)
    counts = sorted(folder.glob("counts*.fits"))
    if not counts:
        raise InputError(f"{folder}: contains no counts made by fermiml simulate")
    given = {
        option: found
        for option, stem in (("exposure", "bexpmap"), ("psf", "psf"), ("background", background))
        if (found := [p.with_name(p.name.replace("counts", stem, 1)) for p in counts])[0].is_file()
    }
    parts = [
        SkyCube.read(path, **{option: paths[i] for option, paths in given.items()})
        for i, path in enumerate(counts)
    ]
    cube = replace(parts[0], components=[c for part in parts for c in part.components])
    truth = SourceCatalog.read(folder / "truth.fits")
    ts = np.asarray(truth.table["TS_Asimov"], float)
    if lowest is not None:
        edges = cube.components[0].energy_edges
        ts = np.asarray(truth.table["TS_Asimov_Bin"], float)[:, _bins_above(edges, lowest)].sum(1)
        cube = replace(cube, components=[_above(c, lowest) for c in cube.components])
    return Sky(folder.name, cube, truth, ts)


def _bins_above(edges, lowest):
    return slice(int(np.searchsorted(edges, 0.999 * lowest)), len(edges) - 1)


def _above(component, lowest):
    """Return a component without its bins below an energy (MeV)."""
    bins = _bins_above(component.energy_edges, lowest)
    edisp = component.edisp
    return replace(
        component,
        counts=component.counts.slice_by_idx({"energy": bins}),
        background=component.background and component.background.slice_by_idx({"energy": bins}),
        edisp=replace(edisp, matrix=edisp.matrix[:, bins]),
    )
