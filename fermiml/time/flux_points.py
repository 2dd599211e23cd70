"""Light curves as gammapy FluxPoints, with a time axis."""

import numpy as np
from astropy import units as u
from gammapy.estimators import FluxPoints
from gammapy.maps import MapAxes, MapAxis, RegionGeom, RegionNDMap, TimeMapAxis

from fermiml.catalog.fitsio import HIST_START
from fermiml.catalog.spectral_models import to_models
from fermiml.sky.selection import EPOCH
from fermiml.time.curve_table import one_curve


def to_flux_points(catalog, row):
    """Convert the light curve of a row to `FluxPoints` with one energy bin."""
    table = one_curve(catalog, row)
    edges = np.array(catalog.table.meta[HIST_START]) * u.s
    energies = [catalog.table.meta[name] for name in ("HISTEMIN", "HISTEMAX")]
    axes = MapAxes(
        [
            MapAxis.from_energy_edges(energies, unit="MeV"),
            TimeMapAxis(edges[:-1], edges[1:], reference_time=EPOCH),
        ]
    )
    geom = RegionGeom.create(None, axes=axes)
    columns = {
        "norm": table["Flux"],
        "norm_errn": table["Unc_Flux_Low"],
        "norm_errp": table["Unc_Flux_High"],
        "norm_err": (table["Unc_Flux_Low"] + table["Unc_Flux_High"]) / 2,
        "norm_ul": table["Flux_UL95"],
        "ts": table["Sqrt_TS"] ** 2,
    }
    model = to_models(catalog.table[[row]], catalog.extended)[0].spectral_model
    reference = model.integral(*energies * u.MeV).to_value("cm-2 s-1")
    maps = {}
    for name, values in columns.items():
        scale = 1.0 if name == "ts" else reference
        maps[name] = RegionNDMap(geom, np.asarray(values, float).reshape(geom.data_shape) / scale)
    limited = np.isfinite(columns["norm_ul"]).reshape(geom.data_shape)
    maps["is_ul"] = RegionNDMap(geom, limited)
    return FluxPoints(maps, reference_model=model)
