"""What a 4FGL-format catalog gives a simulation: spectral shapes, or its own sources."""

from importlib import util
from pathlib import Path

import numpy as np
from astropy.io import fits

from fermiml.errors import InputError
from fermiml.simulate.sources import DISK, GAUSS, POINT, Shapes, Sources

# File names of the releases within an installed fermipy.
KNOWN = {"4FGL-DR4": "gll_psc_v35.fit", "FL16Y": "gll_psc_v40.fit"}
BRIGHT = {"bll": 25.0, "fsrq": 25.0, "PSR": 15.0, "MSP": 15.0}  # least Signif_Avg


def find(name):
    """The path of a release in an installed fermipy, or of a file; None where there is none.

    `auto` is 4FGL-DR4 if fermipy is installed; `parametric` is no catalog at all.
    """
    if name == "parametric":
        return None
    release = KNOWN.get("4FGL-DR4" if name == "auto" else name)
    if release is None:
        path = Path(name).expanduser()
        if not path.is_file():
            raise InputError(
                f"catalog {name!r}: no such file; known names are auto, parametric, "
                f"{', '.join(KNOWN)} (the releases need an installed fermipy)"
            )
        return path
    fermipy = util.find_spec("fermipy")
    if fermipy is None:
        if name == "auto":
            return None
        raise InputError(f"catalog {name!r} comes with fermipy, which is not installed")
    return Path(fermipy.origin).parent / "data" / "catalogs" / release


def bright_shapes(path):
    """Spectral shapes of bright sources by class, from a 4FGL-format catalog.

    All of a class are taken in one form (blazars: log-parabola, pulsars: cutoff), also
    where the catalog prefers a power law: so the form does not give the class away, nor
    does the shape tell how bright a source was when it was fitted.
    """
    table = _read(path)
    classes = np.char.strip(table["CLASS1"])
    significance = table["Signif_Avg"]
    shapes = {}
    for name, least in BRIGHT.items():
        rows = (np.char.lower(classes) == name.lower()) & (significance > least)
        form = "LogParabola" if name in ("bll", "fsrq") else "PLSuperExpCutoff"
        shapes[name] = _shapes(table[rows], np.full(rows.sum(), form))
        if not rows.any():
            raise InputError(f"{path}: no bright source of class {name} to take a spectrum from")
    return shapes


def own_sources(path):
    """The sources of a 4FGL-format catalog, with their own spectra and extensions."""
    table = _read(path)
    form = np.char.strip(table["SpectrumType"])
    shapes = _shapes(table, form)
    amplitude = np.select(
        [form == "LogParabola", form == "PLSuperExpCutoff"],
        [table["LP_Flux_Density"], table["PLEC_Flux_Density"]],
        table["PL_Flux_Density"],
    ).astype(float)
    kind, size = _extensions(path, table)
    return Sources(
        np.array(table["GLON"], float),
        np.array(table["GLAT"], float),
        amplitude,
        shapes,
        np.char.strip(table["CLASS1"]).astype("U6"),
        kind,
        size,
    )


def names(path):
    """Source names, in the order of `own_sources`."""
    return np.char.strip(_read(path)["Source_Name"])


def _read(path):
    with fits.open(path, memmap=False) as hdus:
        if "LAT_Point_Source_Catalog" not in hdus:
            raise InputError(f"{path}: is no 4FGL-format catalog (LAT_Point_Source_Catalog)")
        table = hdus["LAT_Point_Source_Catalog"].data
        needed = {"LP_beta", "PLEC_ExpfactorS", "Flux1000", "CLASS1", "Signif_Avg"}
        missing = needed - set(table.columns.names)
        if missing:
            raise InputError(
                f"{path}: lacks the columns {', '.join(sorted(missing))} of 4FGL-DR3 or later"
            )
        return table


def _shapes(table, form):
    """The common form of `Shapes` for rows of a catalog."""
    parabola, cutoff = form == "LogParabola", form == "PLSuperExpCutoff"
    index = np.select(
        [parabola, cutoff], [table["LP_Index"], table["PLEC_IndexS"]], table["PL_Index"]
    )
    curvature = np.select([parabola, cutoff], [2 * table["LP_beta"], table["PLEC_ExpfactorS"]], 0.0)
    exp_index = np.where(cutoff, table["PLEC_Exp_Index"], 0.0)
    columns = table["Pivot_Energy"], index, curvature, exp_index
    return Shapes(*(np.array(c, float) for c in columns))


def _extensions(path, table):
    """Form and size of every source; templates that are images become disks of their size."""
    kind, size = np.full(len(table), POINT), np.zeros(len(table))
    with fits.open(path, memmap=False) as hdus:
        if "ExtendedSources" not in hdus:
            return kind, size
        extended = hdus["ExtendedSources"].data
        rows = dict(zip(np.char.strip(extended["Source_Name"]), extended, strict=True))
    for i, name in enumerate(np.char.strip(table["Extended_Source_Name"])):
        row = rows.get(name)
        if row is not None:
            gauss = row["Spatial_Function"].strip() == "RadialGauss"
            kind[i] = GAUSS if gauss else DISK
            size[i] = np.sqrt(row["Model_SemiMajor"] * row["Model_SemiMinor"])
    return kind, size
