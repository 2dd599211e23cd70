"""From catalog rows to sources with a spectrum to start from."""

import dataclasses
import logging

import numpy as np

from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.spectral_models import START_FLUX, START_INDEX, START_PIVOT
from fermiml.errors import InputError
from fermiml.model.from_catalog import sources_of
from fermiml.model.sources import Shapes, concatenate
from fermiml.wording import counted

log = logging.getLogger(__name__)
LEAST = 1e-12  # flux 1-100 GeV below which a start would be lost in rounding errors
SAME = 0.2  # deg: a known source closer to a seed than this is the seed


def check_known(known):
    """Raise InputError where known sources are no catalog."""
    if known is not None and not isinstance(known, SourceCatalog):
        raise InputError(f"known is {known!r}: a SourceCatalog was expected")


def seeds_of(catalog):
    """All rows as sources; one without a spectrum starts as a power law."""
    sources = sources_of(catalog)
    table = catalog.table
    flux, index = (np.asarray(table[name], float) for name in ("Flux1000", "PL_Index"))
    bands = np.nansum(np.asarray(table["ML_Flux_Band"], float)[:, 1:], axis=1)
    flux = np.where(flux > LEAST, flux, np.where(bands > LEAST, bands, START_FLUX))
    index = np.where(index > 1, index, START_INDEX)
    pivot = np.full(len(flux), START_PIVOT)
    zero = np.zeros(len(flux))
    plain = Shapes(pivot, index, zero, zero)
    known = np.isfinite(sources.amplitude)
    known[known] = sources[known].flux1000 > LEAST
    amplitude = np.where(known, sources.amplitude, flux / plain.photons((1e3, 1e5))[:, 0])
    shapes = Shapes(
        *(
            np.where(known, getattr(sources.shapes, f.name), getattr(plain, f.name))
            for f in dataclasses.fields(Shapes)
        )
    )
    return dataclasses.replace(sources, amplitude=amplitude, shapes=shapes)


def with_known(sources, catalog, known):
    """Return the seeds, followed by those sources of a catalog that are not seeds."""
    if known is None:
        return sources
    others = sources_of(known)
    pairs = known.crossmatch(catalog, radius=SAME)
    new = np.isfinite(others.amplitude)
    new[np.asarray(pairs["row"], int)] = False
    log.info("%s beyond those to be fitted: the model has them, too",
             counted(new.sum(), "known source"))  # fmt: skip
    return concatenate([sources, others[new]])
