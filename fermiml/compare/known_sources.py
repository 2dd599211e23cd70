"""Known sources in a data set: the expected TS of each, and the methods that found it."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from fermiml.catalog import crossmatch
from fermiml.likelihood import cut
from fermiml.likelihood.gammapy_engine import in_data
from fermiml.model import point_sources
from fermiml.model.from_catalog import sources_of

LEAST_TS = 9.0  # of known sources that could be found at all
_AROUND = 5.0  # deg beyond the data from where the PSF wings of sources still leak in


def expected_ts(cube, known):
    """Compute the Asimov TS of known sources in the data from catalog spectra; NaN without one.

    The background of the cube and all other known sources are taken as they are, so this
    assumes that no source varied.
    """
    sources = sources_of(known)
    position = SkyCoord(sources.lon, sources.lat, unit="deg", frame="galactic")
    near = position.separation(cube.center).deg < _radius(cube) + _AROUND
    use = np.flatnonzero(near & np.isfinite(sources.amplitude))
    total = np.full(len(known), np.nan)
    total[use] = 0.0
    for component in cube.components:
        seen = cut.observe(component)
        expected = component.background.data + point_sources.total(seen, sources[use])
        total[use] += point_sources.asimov_ts(seen, sources[use], expected)[0].sum(axis=1)
    return total


def recovered(cube, known, catalogs, radius):
    """Tabulate the known sources in the data that could be found, the best first.

    For each of `catalogs` (name -> SourceCatalog) columns Name_, Sep_ and Sigma_Known_ with that
    name say which source is this one, its separation (deg) and offset in units of the joint error.
    Pairs are within `radius` (deg), one to one, in order of TS x exp(-(d/radius)^2).
    """
    inside = known[in_data(cube, known)]
    ts = expected_ts(cube, inside)
    order = np.argsort(-np.nan_to_num(ts))
    order = order[ts[order] > LEAST_TS]
    inside, ts = inside[order], ts[order]
    table = Table({name: inside.table[name] for name in ("Source_Name", "RAJ2000", "DEJ2000")})
    table.meta["SIMULATE"] = known.simulated
    table["TS_Expected"] = ts
    for name, catalog in catalogs.items():
        pairs = crossmatch.pairs_within(inside.positions, catalog.positions, radius)
        rank = crossmatch.match_rank(pairs.separation, ts[pairs.first], radius)
        pairs = crossmatch.take(pairs, crossmatch.one_to_one(pairs, rank))
        back = pairs._replace(first=pairs.second, second=pairs.first)
        sigma = crossmatch.normalised_offset(
            catalog.positions, catalog.ellipses(), inside.positions, inside.ellipses(), back
        )
        table[f"Name_{name}"] = np.full(len(table), "", "U18")
        table[f"Name_{name}"][pairs.first] = catalog.table["Source_Name"][pairs.second]
        for what, values in (("Sep", pairs.separation), ("Sigma_Known", sigma)):
            table[f"{what}_{name}"] = np.full(len(table), np.nan)
            table[f"{what}_{name}"][pairs.first] = values
    return table


def _radius(cube):
    """Radius (deg) around the centre that holds the data."""
    first = cube.components[0]
    observed = np.flatnonzero(first.mask)
    some = observed[:: max(1, len(observed) // 5000)]
    return first.positions_of(some).separation(cube.center).deg.max()
