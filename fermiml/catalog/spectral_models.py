"""Catalog rows as spectral models: gammapy's, and the XML of gtlike and fermipy."""

import logging
from typing import NamedTuple
from xml.etree import ElementTree as ET

import numpy as np
import yaml
from astropy.coordinates import FK5, SkyCoord

from fermiml.catalog.derive import PARAMETERS
from fermiml.catalog.ellipses import R68, R95, covariance
from fermiml.catalog.extended_sources import IMAGE, SIZE_ERROR, extents
from fermiml.catalog.positions import decimal

log = logging.getLogger(__name__)

# What a source without a fitted spectrum starts with: 1e-10 ph/cm2/s above 1 GeV.
START_FLUX, START_INDEX, START_PIVOT = 1e-10, 2.2, 1000.0


class Spectrum(NamedTuple):
    """A source's spectrum: 4FGL's type, pivot (MeV), values and errors as in PARAMETERS."""

    kind: str
    pivot: float
    values: list
    errors: list


def spectra_of(table, shapes):
    """Return the spectra of the sources with their rows; without a fit, a starting value.

    `shapes` are the `Extent` of extended sources by name. Rows that name any other are left out:
    their shape is unknown or an image.
    """
    kept, started, images = [], [], []
    for row in table:
        if row["Extended_Source_Name"] and row["Extended_Source_Name"] not in shapes:
            images.append(row["Source_Name"])
            continue
        spectrum = _fitted(row)
        if spectrum is None:
            started.append(row["Source_Name"])
            spectrum = _start(row)
        kept.append((row, spectrum))
    for names, what in (
        (images, "extended, with a shape that is unknown or an image, left out"),
        (started, "no spectrum known, given a starting value"),
    ):
        if names:
            log.warning("%d of the sources: %s (%s)", len(names), what, ", ".join(names[:5]))
    return kept


def _fitted(row):
    names = PARAMETERS[row["SpectrumType"]]
    pivot, *values = decimal([row[name] for name in ("Pivot_Energy", *names)]).tolist()
    errors = decimal([row[f"Unc_{name}"] for name in names]).tolist()
    good = np.all(np.isfinite((pivot, *values))) and pivot > 0 and values[0] > 0
    return Spectrum(str(row["SpectrumType"]), pivot, values, errors) if good else None


def _start(row):
    flux, index = decimal([row["Flux1000"], row["PL_Index"]]).tolist()
    flux = flux if flux > 0 else START_FLUX
    index = index if index > 1 else START_INDEX
    density = flux * (index - 1) / START_PIVOT
    return Spectrum("PowerLaw", START_PIVOT, [density, index], [np.nan, np.nan])


# --- gammapy ---------------------------------------------------------------------------------

_GAMMAPY = {
    "PowerLaw": ("PowerLawSpectralModel", ("amplitude", "index")),
    "LogParabola": ("LogParabolaSpectralModel", ("amplitude", "alpha", "beta")),
    "PLSuperExpCutoff": (
        "SuperExpCutoffPowerLaw4FGLDR3SpectralModel",
        ("amplitude", "index_1", "expfactor", "index_2"),
    ),
}


def to_models(table, extended=None):
    """Convert sources to gammapy `Models`, positions in ICRS."""
    from gammapy.modeling.models import Models, SkyModel

    parts = _gammapy_parts(table, extended)
    return Models([SkyModel(spectral, spatial, name=name) for name, spectral, spatial in parts])


def to_yaml(table, extended=None):
    """Return the text of a file that gammapy's `Models.read` takes.

    Written model by model: `Models` would make a covariance matrix of all parameters, 10 GB
    for a catalog as large as 4FGL.
    """
    components = [
        {"name": name, "type": "SkyModel", **spectral.to_dict(), **spatial.to_dict()}
        for name, spectral, spatial in _gammapy_parts(table, extended)
    ]
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump({"components": components}, Dumper=dumper, sort_keys=False)


def _gammapy_parts(table, extended):
    """Name, spectral and spatial model of each source."""
    shapes = extents(extended)
    place = decimal(table["RAJ2000"]), decimal(table["DEJ2000"])
    icrs = SkyCoord(*place, unit="deg", frame=FK5).icrs
    for row, spectrum in spectra_of(table, shapes):
        spatial = _gammapy_shape(row, shapes.get(row["Extended_Source_Name"]))
        at = icrs[row.index]
        spatial.frame, spatial.lon_0.quantity, spatial.lat_0.quantity = "icrs", at.ra, at.dec
        spatial.lon_0.error, spatial.lat_0.error = _position_errors(row)
        yield str(row["Source_Name"]), _gammapy_spectrum(spectrum), spatial


def _gammapy_shape(row, extent):
    """Build a spatial model without its position; `extent` is None for a point."""
    import astropy.units as u
    from gammapy.modeling.models import DiskSpatialModel, GaussianSpatialModel, PointSpatialModel

    if extent is None:
        return PointSpatialModel()
    error = float(row[SIZE_ERROR]) if SIZE_ERROR in row.colnames else np.nan
    if extent.function == "RadialDisk":
        model, scale = DiskSpatialModel(r_0=extent.size * u.deg), 1.0
        size = model.r_0
    else:
        model, scale = GaussianSpatialModel(sigma=extent.size / R68 * u.deg), 1 / R68
        size = model.sigma
    size.error = float(np.nan_to_num(error)) * scale
    return model


def _gammapy_spectrum(spectrum):
    import astropy.units as u
    from gammapy.modeling.models import Model

    tag, names = _GAMMAPY[spectrum.kind]
    units = ("cm-2 s-1 MeV-1", *[""] * (len(names) - 1))
    pars = {n: v * u.Unit(q) for n, v, q in zip(names, spectrum.values, units, strict=True)}
    model = Model.create(tag, "spectral", reference=spectrum.pivot * u.MeV, **pars)
    for name, error in zip(names, spectrum.errors, strict=True):
        model.parameters[name].error = float(np.nan_to_num(error))
    return model


def _position_errors(row):
    """Compute the 1-sigma errors of right ascension (in its own degrees) and declination."""
    ellipse = [float(row[f"Conf_95_{n}"]) for n in ("SemiMajor", "SemiMinor", "PosAng")]
    if not np.all(np.isfinite(ellipse[:2])):
        return 0.0, 0.0
    north_east = covariance(ellipse[0] / R95, ellipse[1] / R95, np.nan_to_num(ellipse[2]), 0.0)
    lat, lon = np.sqrt(np.diag(north_east))
    return float(lon / max(np.cos(np.radians(float(row["DEJ2000"]))), 1e-6)), float(lat)


# --- XML -------------------------------------------------------------------------------------

_WIDEST = 10.0  # deg, of a size in XML


class _Parameter(NamedTuple):
    name: str
    least: float
    most: float
    free: bool
    sign: int = 1


# gtlike's function and parameters, in the order of PARAMETERS; the first is the flux density.
# With 1e-5 to 1e5 for that, NEWMINUIT was seen to abort where many faint sources are free.
_GTLIKE = {
    "PowerLaw": (
        "PowerLaw",
        "Scale",
        (_Parameter("Prefactor", 1e-4, 1e4, True), _Parameter("Index", 0, 5, True, -1)),
    ),
    "LogParabola": (
        "LogParabola",
        "Eb",
        (
            _Parameter("norm", 1e-4, 1e4, True),
            _Parameter("alpha", 0, 5, True),
            _Parameter("beta", -1, 2, True),
        ),
    ),
    "PLSuperExpCutoff": (
        "PLSuperExpCutoff4",
        "Scale",
        (
            _Parameter("Prefactor", 1e-4, 1e4, True),
            _Parameter("IndexS", 0, 5, True, -1),
            _Parameter("ExpfactorS", -1, 5, True),
            _Parameter("Index2", 0, 2, False),
        ),
    ),
}


def to_xml(table, extended=None, images=None):
    """Return the text of a source library that gtlike and fermipy read.

    `images` are the files with the shapes of extended sources by name, where there are any.
    """
    library, images = ET.Element("source_library", title="fermiml"), images or {}
    shapes = {**extents(extended), **images}
    for row, spectrum in spectra_of(table, shapes):
        extent = shapes.get(row["Extended_Source_Name"])
        kind = "PointSource" if extent is None else "DiffuseSource"
        source = ET.SubElement(library, "source", name=str(row["Source_Name"]), type=kind)
        function, scale_name, parameters = _GTLIKE[spectrum.kind]
        node = ET.SubElement(source, "spectrum", type=function)
        for parameter, value, error in zip(
            parameters, spectrum.values, spectrum.errors, strict=True
        ):
            _xml_fitted(node, parameter, value, error)
        pivot = spectrum.pivot
        _xml_fixed(node, scale_name, pivot, min(1.0, pivot / 2), max(1e7, pivot * 2))
        _xml_shape(source, row, extent)
    ET.indent(library)
    return ET.tostring(library, encoding="unicode", xml_declaration=True) + "\n"


def _xml_shape(source, row, extent):
    """Add the position of a source, and its size; `extent` is None for a point, or the name of the
    file with its image."""
    if isinstance(extent, str):
        attributes = {"file": extent, "map_based_integral": "true", "type": IMAGE}
        spatial = ET.SubElement(source, "spatialModel", attributes)
        _xml_fixed(spatial, "Prefactor", 1.0, 0.001, 1000.0)
        return
    function, size = "SkyDirFunction", {}
    if extent is not None and extent.function == "RadialDisk":
        function, size = "RadialDisk", {"Radius": extent.size}
    elif extent is not None:
        function, size = "RadialGaussian", {"Sigma": extent.size / R68}
    ra, dec = decimal([row["RAJ2000"], row["DEJ2000"]])
    spatial = ET.SubElement(source, "spatialModel", type=function)
    _xml_fixed(spatial, "RA", ra, 0.0, 360.0)
    _xml_fixed(spatial, "DEC", dec, -90.0, 90.0)
    for name, value in size.items():
        _xml_fixed(spatial, name, value, 0.0, _WIDEST)


def _xml_fitted(node, parameter, value, error):
    """Add a parameter; the flux density gets a scale, so that the fit sees a number near 1."""
    density = parameter.name in ("Prefactor", "norm")
    scale = 10.0 ** np.floor(np.log10(value) + 1e-6) if density else float(parameter.sign)
    value, error = value / (scale if density else 1), error / abs(scale)
    attributes = {
        "free": str(int(parameter.free)),
        "max": f"{max(parameter.most, value * 1.1):g}",
        "min": f"{min(parameter.least, value * 1.1):g}",
        "name": parameter.name,
        "scale": f"{scale:g}",
        "value": f"{value:.7g}",
    }
    if np.isfinite(error):
        attributes["error"] = f"{error:.4g}"
    ET.SubElement(node, "parameter", attributes)


def _xml_fixed(node, name, value, least, most):
    attributes = {
        "free": "0",
        "max": f"{most:g}",
        "min": f"{least:g}",
        "name": name,
        "scale": "1",
        "value": f"{value:.7g}",
    }
    ET.SubElement(node, "parameter", attributes)
