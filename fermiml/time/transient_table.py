"""The catalog's rows of flares."""

import numpy as np
from astropy.coordinates import FK5, SkyCoord
from astropy.table import Column, Table

from fermiml.catalog import flags
from fermiml.catalog.data_header import header_of
from fermiml.catalog.derive import forget_extrapolated
from fermiml.catalog.ellipses import error_columns, semi_axes
from fermiml.catalog.spectra import MEV, row_flux
from fermiml.response import exposure as exposures
from fermiml.time.sky_in_time import PIVOT

NAME = "sliding windows"
_LOW, _HIGH = 100.0, 1e5  # MeV, between which 4FGL gives fluxes at the peak
# Name, unit, description of what only transients have.
_OWN = {
    "ML_Start": ("s", "Begin of the flare, mission elapsed time"),
    "ML_Duration": ("s", "How long the flare lasts"),
    "ML_Fluence": ("erg cm-2", "Energy fluence of the flare, 100 MeV to 100 GeV"),
    "ML_Photons": ("", "Photons of the flare"),
    "ML_False_Rate": ("deg-2 yr-1", "Rate of chance excesses at least as rare"),
}


def table_of(flares, sky, cube, ln_rate):
    """Make the table of flares.

    Parameters
    ----------
    flares : list of fermiml.time.flares.Flare
    sky : fermiml.time.sky_in_time.SkyInTime
    cube : fermiml.SkyCube
    ln_rate : callable
        ln(rate of false alarms) for lengths (s) and test statistics.
    """
    component = cube.components[0]
    columns = {name: np.array([getattr(f, name) for f in flares], float)
               for name in ("x", "y", "start", "stop", "fraction", "ts", "photons", "error",
                            "index", "index_error")}  # fmt: skip
    table = Table(_positions(component.geom, columns, flares))
    duration = columns["stop"] - columns["start"]
    yields = _yields(sky, component, columns, table)
    density = columns["photons"] / (yields * columns["fraction"])
    relative = columns["error"] / columns["photons"]
    table["SpectrumType"] = np.full(len(table), "PowerLaw")
    table["Pivot_Energy"] = np.full(len(table), PIVOT)
    table["PL_Flux_Density"], table["PL_Index"] = density, columns["index"]
    table["Unc_PL_Flux_Density"] = density * relative
    table["Unc_PL_Index"] = columns["index_error"]
    pars = np.full(len(table), PIVOT), density, columns["index"]
    energy_flux = row_flux("PowerLaw", pars, _LOW, _HIGH, 1)
    table["Signif_Avg"] = np.sqrt(columns["ts"])
    _add_peaks(table, flares, yields, columns["index"])
    table["ML_TS"], table["Npred"] = columns["ts"], columns["photons"]
    table["ML_Flags"] = _flags(component, cube, table)
    table["ML_Model"] = np.full(len(table), NAME)
    lengths = sky.ladder.seconds[[flare.peak.length for flare in flares]]
    own = (columns["start"], duration, energy_flux * duration * MEV, columns["photons"],
           np.exp(ln_rate(lengths, columns["ts"])))  # fmt: skip
    for (name, (unit, text)), values in zip(_OWN.items(), own, strict=True):
        table[name] = Column(values, unit=unit, description=text)
    table.meta = header_of(cube, "transients")
    forget_extrapolated(table, table.meta)
    return table


def _add_peaks(table, flares, yields, index):
    """Add 4FGL's columns of the peak, those of the brightest part of each flare, in place."""
    start, stop, fraction, ts, photons, error = (
        np.array([getattr(flare.brightest, name) for flare in flares], float)
        for name in ("start", "stop", "fraction", "ts", "photons", "error")
    )
    pars = np.full(len(table), PIVOT), photons / (yields * fraction), index
    table["Flux_Peak"] = row_flux("PowerLaw", pars, _LOW, _HIGH)
    table["Unc_Flux_Peak"] = table["Flux_Peak"] * error / photons
    table["Signif_Peak"] = np.sqrt(ts)
    table["Time_Peak"], table["Peak_Interval"] = (start + stop) / 2, stop - start


def _positions(geom, columns, flares):
    """Make the columns of positions and their errors."""
    x, y = columns["x"], columns["y"]
    position = _sky(geom, x, y)
    moved = [_sky(geom, x + dx, y + dy) for dx, dy in ((1, 0), (0, 1))]
    offsets = [[v.to_value("deg") for v in position.spherical_offsets_to(m)] for m in moved]
    jacobian = np.transpose(offsets, (2, 1, 0))  # (flare, east and north, x and y)
    pixels = np.reshape([flare.covariance for flare in flares], (-1, 2, 2))
    covariance = jacobian @ pixels @ jacobian.transpose(0, 2, 1)
    return {"RAJ2000": position.ra, "DEJ2000": position.dec,
            **error_columns(*semi_axes(covariance))}  # fmt: skip


def _sky(geom, x, y):
    lon, lat = geom.pix_to_coord((x, y))
    return SkyCoord(lon, lat, frame=geom.frame).transform_to(FK5())


def _coordinates(table):
    return SkyCoord(table["RAJ2000"], table["DEJ2000"], frame="fk5")


def _yields(sky, component, columns, table):
    """Photons per flux density at the pivot, in the whole time at the position of each flare."""
    if not len(table):
        return np.zeros(0)
    center, here = (exposures.sample(component.exposure, position, PIVOT)[0]
                    for position in (component.center[None], _coordinates(table)))  # fmt: skip
    whole = np.array([sky.photons_per_flux(index) for index in columns["index"]])
    return whole * here / center


def _flags(component, cube, table):
    bits = np.full(len(table), int(flags.MLFlag.TRANSIENT | flags.of_response(cube)), np.int16)
    if len(table):
        bits[~component.away_from_edge(_coordinates(table))] |= flags.MLFlag.EDGE
    return bits
