"""Spectral shapes, or all sources, from a catalog in 4FGL columns, for simulations."""

from importlib import util
from pathlib import Path

import numpy as np

from fermiml.catalog.catalog import SourceCatalog
from fermiml.errors import InputError
from fermiml.model.sources import DISK, GAUSS, POINT, RING, Shapes, Sources

# File names of the releases within an installed fermipy.
KNOWN = {"4FGL-DR4": "gll_psc_v35.fit", "FL16Y": "gll_psc_v40.fit"}
# Words of CLASS1, and the least Signif_Avg, of the sources whose spectra a class has.
BRIGHT = {
    "bll": (("bll",), 25.0),
    "fsrq": (("fsrq",), 25.0),
    "PSR": (("psr",), 15.0),
    "MSP": (("msp",), 15.0),
}


def find(name):
    """Find the path of a release in an installed fermipy, or of a file; None where there is none.

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


def bright_shapes(path, bright=BRIGHT):
    """Read spectral shapes of bright sources by class, from a catalog in 4FGL columns.

    All of a class are taken in one form (pulsars: cutoff, others: log-parabola), also
    where the catalog prefers a power law: so the form does not give the class away, nor
    does the shape tell how bright a source was when it was fitted.
    """
    table = SourceCatalog.read(path).table
    classes = np.char.lower(np.asarray(table["CLASS1"], str))
    shapes = {}
    for name, (words, least) in bright.items():
        form = "PLSuperExpCutoff" if name in ("PSR", "MSP") else "LogParabola"
        rows = table[np.isin(classes, words) & (table["Signif_Avg"] > least)]
        found, amplitude = _spectra(rows, np.full(len(rows), form))
        shapes[name] = found[np.isfinite(amplitude)]
        if not len(shapes[name]):
            raise InputError(f"{path}: no bright source of class {name} to take a spectrum from")
    return shapes


def own_sources(path):
    """Read the sources of a catalog file with their own spectra and extensions, and their names."""
    catalog = SourceCatalog.read(path)
    sources = sources_of(catalog)
    known = np.isfinite(sources.amplitude)
    return sources[known], np.asarray(catalog.table["Source_Name"], str)[known]


def sources_of(catalog):
    """Convert all rows of a catalog to `Sources`; amplitudes are NaN where no spectrum is known."""
    table = catalog.table
    shapes, amplitude = _spectra(table, np.asarray(table["SpectrumType"], str))
    kind, size = _extensions(catalog)
    return Sources(
        np.array(table["GLON"], float),
        np.array(table["GLAT"], float),
        amplitude,
        shapes,
        np.asarray(table["CLASS1"], "U6"),
        kind,
        size,
    )


def _spectra(table, form):
    """Convert rows to the common form of `Shapes`, and amplitudes; NaN where anything is."""
    parabola, cutoff = form == "LogParabola", form == "PLSuperExpCutoff"

    def choose(power_law, log_parabola, with_cutoff):
        columns = [
            np.asarray(table[c], float) if isinstance(c, str) else np.full(len(table), c)
            for c in (log_parabola, with_cutoff, power_law)
        ]
        return np.select([parabola, cutoff], columns[:2], columns[2])

    shapes = Shapes(
        np.asarray(table["Pivot_Energy"], float),
        choose("PL_Index", "LP_Index", "PLEC_IndexS"),
        choose(0.0, "LP_beta", "PLEC_ExpfactorS") * np.where(parabola, 2, 1),
        choose(0.0, 0.0, "PLEC_Exp_Index"),
    )
    amplitude = choose("PL_Flux_Density", "LP_Flux_Density", "PLEC_Flux_Density")
    known = np.isfinite(shapes.pivot + shapes.index + shapes.curvature + shapes.exp_index)
    return shapes, np.where(known, amplitude, np.nan)


def _extensions(catalog):
    """Return form and size of every source; image templates become disks of their size."""
    names = np.asarray(catalog.table["Extended_Source_Name"], str)
    kind, size = np.full(len(names), POINT), np.zeros(len(names))
    if catalog.extended is None:
        return kind, size
    rows = {str(row["Source_Name"]).strip(): row for row in catalog.extended}
    for i in np.flatnonzero(np.isin(names, list(rows))):
        row = rows[names[i]]
        kind[i] = _form(*(str(row[key]).strip() for key in ("Model_Form", "Spatial_Function")))
        size[i] = np.sqrt(row["Model_SemiMajor"] * row["Model_SemiMinor"])
    return kind, size


def _form(model_form, function):
    """Return the value of `form` for 4FGL's words."""
    if model_form == "Ring":
        return RING
    return GAUSS if function == "RadialGauss" else DISK
