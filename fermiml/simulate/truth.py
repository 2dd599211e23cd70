"""The truth table of a simulation: 4FGL columns, and columns of true values."""

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table

from fermiml.catalog import template_files
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.extended_sources import FUNCTIONS, IMAGE
from fermiml.catalog.positions import equatorial
from fermiml.catalog.spectra import MEV
from fermiml.model import irregular
from fermiml.model.sources import IRREGULAR, MAP, MODEL_FORMS, POINT, RING
from fermiml.sky.selection import MJDREF

PREFIX = "SIM"
_FLUX = "ph cm-2 s-1"
MODELLED = 4.0  # Asimov TS of the sources that are in sources.xml
_REACH = 4.0  # half a side of the image of an irregular source, in its 68 % radii
_BINS, _CURVES = "LIGHTCURVE_BINS", "LIGHTCURVES"


def catalog(sources, ts, band_counts, inside, meta, extended=None):
    """Build a `SourceCatalog` of true sources.

    `ts` is the Asimov TS by native bin, so that a part of the energies can be judged, too.
    Columns beyond 4FGL's: TS_Asimov, TS_Asimov_Bin, S1, Npred_Band (the five network bands),
    Inside.
    """
    table = Table(_columns(sources))
    table["Npred"] = band_counts.sum(axis=1)
    table["TS_Asimov"] = ts.sum(axis=1)
    table["Signif_Avg"] = np.sqrt(table["TS_Asimov"])
    table["TS_Asimov_Bin"] = ts
    table["S1"] = u.Quantity(sources.flux1000, _FLUX)
    table["Npred_Band"] = band_counts
    table["Inside"] = inside
    names, shapes = _extended_rows(sources, table["TS_Asimov"] > MODELLED)
    table["Extended_Source_Name"] = names
    result = SourceCatalog.from_table(table, extended=shapes, meta={"SIMULATE": True, **meta})
    _rename(result.table)
    return result


def append_times(path, table, profiles):
    """Append to a file what changes with time: HDUs for each kind of profile that there is.

    `profiles` has a `TimeProfile`, or None, for each row of the table.
    """
    varies = [i for i, p in enumerate(profiles) if p is not None and not p.kind]
    bursts = [i for i, p in enumerate(profiles) if p is not None and p.kind]
    hdus = []
    if varies:
        edges = profiles[varies[0]].edges  # all have the same
        bins = {"START": edges[:-1], "STOP": edges[1:]}
        hdus.append(_times_hdu(_BINS, bins, {"START": "s", "STOP": "s"}))
        flux = np.array([profiles[i].relative for i in varies], np.float32)
        named = {"Source_Name": table["Source_Name"][varies], "Relative_Flux": flux}
        hdus.append(_times_hdu(_CURVES, named, {}))
    if bursts:
        hdus.append(_transients_hdu(table[bursts], [profiles[i] for i in bursts]))
    for hdu in hdus:
        fits.append(path, hdu.data, hdu.header, checksum=True)


def _transients_hdu(table, profiles):
    """Build the table of sources that shine once."""
    start, stop = np.array([p.span for p in profiles]).T
    top = [int(np.argmax(p.relative)) for p in profiles]
    mean = np.asarray(table["S1"], float)
    columns = {
        **{name: np.asarray(table[name]) for name in ("Source_Name", "RAJ2000", "DEJ2000")},
        "Kind": [p.kind for p in profiles],
        "Start": start,
        "Duration": stop - start,
        "Peak_Time": [p.edges[i : i + 2].mean() for p, i in zip(profiles, top, strict=True)],
        "Fluence": mean * [p.fluence for p in profiles],
        "Peak_Flux": mean * [p.relative[i] for p, i in zip(profiles, top, strict=True)],
    }
    units = {"RAJ2000": "deg", "DEJ2000": "deg", "Start": "s", "Duration": "s", "Peak_Time": "s",
             "Fluence": "ph cm-2", "Peak_Flux": _FLUX}  # fmt: skip
    return _times_hdu("TRANSIENTS", columns, units)


def _times_hdu(name, columns, units):
    hdu = fits.table_to_hdu(Table(columns, units=units))
    hdu.name = name
    hdu.header.update({"MJDREFI": MJDREF[0], "MJDREFF": MJDREF[1], "TIMESYS": "TT",
                       "TIMEUNIT": "s"})  # fmt: skip
    return hdu


def _rename(table):
    """Give names the prefix of simulated sources instead of that of found ones."""
    names = [PREFIX + name[3:] for name in table["Source_Name"]]
    table["Source_Name"] = np.array(names, dtype="U18")


def _columns(sources):
    """Put the parameters of each spectrum into the columns of its type."""
    shapes = sources.shapes
    cutoff = shapes.exp_index != 0
    parabola = ~cutoff & (shapes.curvature != 0)
    power = ~cutoff & ~parabola
    ra, dec = equatorial(sources.lon, sources.lat)
    energy = sources.shapes.pivot
    columns = {
        "RAJ2000": ra,
        "DEJ2000": dec,
        "Pivot_Energy": energy,
        "Flux1000": sources.flux1000,
        "Energy_Flux100": _energy_flux(sources),
        "SpectrumType": np.select(
            [cutoff, parabola], ["PLSuperExpCutoff", "LogParabola"], "PowerLaw"
        ),
        "CLASS1": sources.class1.astype("U5"),
    }
    for prefix, rows in (("PL", power), ("LP", parabola), ("PLEC", cutoff)):
        index = "PLEC_IndexS" if prefix == "PLEC" else f"{prefix}_Index"
        columns[f"{prefix}_Flux_Density"] = np.where(rows, sources.amplitude, np.nan)
        columns[index] = np.where(rows, shapes.index, np.nan)
    columns["LP_beta"] = np.where(parabola, shapes.curvature / 2, np.nan)
    columns["PLEC_ExpfactorS"] = np.where(cutoff, shapes.curvature, np.nan)
    columns["PLEC_Exp_Index"] = np.where(cutoff, shapes.exp_index, np.nan)
    return columns


def _energy_flux(sources):
    """Compute the energy flux from 100 MeV to 100 GeV, erg cm-2 s-1."""
    edges = np.geomspace(1e2, 1e5, 61)
    middle = np.sqrt(edges[:-1] * edges[1:])
    return sources.flux(edges) @ middle * MEV


def write_images(folder, table, sources):
    """Write the images of the irregular sources and rings among the rows of a truth table, which
    are those of `sources`; return the names of the files by that of the source."""
    images = {}
    for i in np.flatnonzero((sources.form == RING) | (sources.form >= IRREGULAR)):
        row, size = table[i], sources.size[i]
        name = str(row["Extended_Source_Name"])
        images[name] = _image_name(name)
        path, place = folder / images[name], (row["GLON"], row["GLAT"])
        if sources.form[i] == RING:
            template_files.write_ring(path, place, size)
        else:
            pattern = irregular.blobs(int(sources.form[i]))
            template_files.write(path, place, pattern.brightness, size, _REACH)
    return images


def _image_name(name):
    return f"{name.replace(' ', '_')}.fits"


def _extended_rows(sources, modelled):
    """Return names of extended sources (blank for others), and 4FGL's table of their shapes."""
    names = np.full(len(sources), "", "U18")
    extended = np.flatnonzero(sources.form != POINT)
    names[extended] = [f"SIM extended {i + 1}" for i in range(len(extended))]
    if not len(extended):
        return names, None
    ra, dec = equatorial(sources.lon[extended], sources.lat[extended])
    forms = [MODEL_FORMS.get(form, MAP) for form in sources.form[extended]]
    files = [_image_name(names[i]) if form == MAP and modelled[i] else "" for i, form in
             zip(extended, forms, strict=True)]  # fmt: skip
    rows = Table(
        {
            "Source_Name": names[extended],
            "RAJ2000": ra,
            "DEJ2000": dec,
            "GLON": sources.lon[extended],
            "GLAT": sources.lat[extended],
            "Model_Form": forms,
            "Model_SemiMajor": sources.size[extended],
            "Model_SemiMinor": sources.size[extended],
            "Model_PosAng": np.zeros(len(extended)),
            "Spatial_Function": [FUNCTIONS.get(form, IMAGE) for form in forms],
            "Spatial_Filename": files,
        }
    )
    return names, rows
