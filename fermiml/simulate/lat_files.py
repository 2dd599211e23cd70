"""Simulated data in the formats of the LAT tools: gtbin, gtexpcube2, gtpsf, gtlike."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from fermiml.response.irfs import EVENT_CLASSES, EVENT_TYPES, PARTITIONS
from fermiml.sky.selection import MJDREF
from fermiml.sky.sphere import angles

START = 239557417.0  # mission elapsed time of the start of the survey (2008-08-04)
YEAR = 365.25 * 86400.0
GOOD_TIME = 2.6e7  # s of good time in a year of survey
_WEEK = 7 * 86400.0


def survey_gti(good_time):
    """Build a survey's good time intervals: one a week, as long as the good-time fraction gives."""
    length = _WEEK * GOOD_TIME / YEAR
    count = max(1, round(good_time / length))
    start = START + _WEEK * np.arange(count)
    return np.column_stack([start, start + good_time / count])


def counts(path, values, geom, selection):
    """Write a counts cube as gtbin does: WCS image or HEALPix table, EBOUNDS in keV, GTI.

    Integers are written as such; expected counts (the output of gtmodel) in single precision.
    """
    values = np.asarray(values)
    kind = np.int32 if values.dtype.kind in "iu" else np.float32
    edges = geom.axes["energy"].edges.to_value("MeV")
    primary, sky = _sky_hdus(values.astype(kind), geom, "SKYMAP", "CHANNEL")
    image = sky[0] if sky else primary
    if not sky:
        _energy_axis(image.header, "Energy", edges[0], edges[1] - edges[0])
    for hdu in (primary, *sky):  # gtsrcmaps looks for the cuts in the primary HDU
        _selection_keywords(hdu.header, selection, edges)
    channel = np.arange(1, len(edges))
    bounds = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL", "I", array=channel),
            fits.Column("E_MIN", "1E", unit="keV", array=edges[:-1] * 1e3),
            fits.Column("E_MAX", "1E", unit="keV", array=edges[1:] * 1e3),
        ],
        name="EBOUNDS",
    )
    _write(path, [primary, *sky, bounds, _gti(selection.gti)], selection)


def exposure(path, values, nodes, geom, selection):
    """Write an exposure cube (cm2 s at energy nodes in MeV) as gtexpcube2 does."""
    primary, sky = _sky_hdus(np.asarray(values, np.float32), geom, "HPXEXPOSURES", "ENERGY")
    image = sky[0] if sky else primary
    if not sky:
        _energy_axis(image.header, "log_Energy", np.log10(nodes[0]), 0.1)
    image.header["BUNIT"] = "cm^2 s"
    energies = fits.BinTableHDU.from_columns(
        [fits.Column("Energy", "1D", array=nodes)], name="ENERGIES"
    )
    _write(path, [primary, *sky, energies, _gti(selection.gti)], selection)


def events(path, photons, energies, selection, rng):
    """Write single photons as an FT1 file: those of an event class, with its types at random.

    Unknown zenith angles are drawn, too, from a sky that is seen evenly up to the cut.
    """
    number = len(photons.time)
    types = _draw_types(selection.evtype, number, rng)
    runs, inverse, counts = np.unique(
        np.searchsorted(selection.gti[:, 0], photons.time, side="right") - 1,
        return_inverse=True, return_counts=True,
    )  # fmt: skip
    first = np.cumsum(counts) - counts
    position = SkyCoord(photons.ra, photons.dec, unit="deg").galactic
    zenith = photons.zenith_angle
    if zenith is None:
        cosine = np.cos(np.radians(selection.zenith[1]))
        zenith = np.degrees(np.arccos(rng.uniform(cosine, 1, number)))
    columns = [
        ("ENERGY", "E", "MeV", photons.energy),
        ("RA", "E", "deg", photons.ra),
        ("DEC", "E", "deg", photons.dec),
        ("L", "E", "deg", position.l.deg),
        ("B", "E", "deg", position.b.deg),
        ("ZENITH_ANGLE", "E", "deg", zenith),
        ("TIME", "D", "s", photons.time),
        ("EVENT_ID", "J", None, np.arange(number) - first[inverse] + 1),
        ("RUN_ID", "J", None, selection.gti[runs, 0].astype(int)[inverse]),
        ("EVENT_CLASS", "32X", None, _as_bits(np.full(number, selection.evclass))),
        ("EVENT_TYPE", "32X", None, _as_bits(types)),
        ("CONVERSION_TYPE", "I", None, (types & EVENT_TYPES["BACK"]) > 0),
    ]
    table = fits.BinTableHDU.from_columns(
        [fits.Column(name, form, unit=unit, array=array) for name, form, unit, array in columns],
        name="EVENTS",
    )
    table.header.update({"HDUCLASS": "OGIP", "HDUCLAS1": "EVENTS", "HDUCLAS2": "ALL"})
    _selection_keywords(table.header, selection, energies)
    _write(path, [fits.PrimaryHDU(), table, _gti(selection.gti)], selection)


def spacecraft(path, pointings, selection):
    """Write where the LAT pointed as a spacecraft file, FT2, with the columns that are read."""
    columns = [(name, "D", "s", getattr(pointings, name.lower()))
               for name in ("START", "STOP", "LIVETIME")]  # fmt: skip
    for name, vectors in (("SCZ", pointings.axis), ("ZENITH", pointings.zenith)):
        for axis, values in zip(("RA", "DEC"), angles(vectors), strict=True):
            columns.append((f"{axis}_{name}", "E", "deg", values))
    table = fits.BinTableHDU.from_columns(
        [fits.Column(name, form, unit=unit, array=array) for name, form, unit, array in columns],
        name="SC_DATA",
    )
    _write(path, [fits.PrimaryHDU(), table], selection)


def _draw_types(evtype, number, rng):
    """Draw one type of each partition for every event, one of those that `evtype` lets pass."""
    total = np.zeros(number, int)
    for partition in PARTITIONS:
        bits = np.array([EVENT_TYPES[name] for name in partition])
        passed = bits[(bits & evtype) > 0]
        total |= rng.choice(passed if len(passed) else bits, number)
    return total


def _as_bits(numbers):
    """Convert integers to rows of 32 bits, the lowest of which stands last."""
    return np.unpackbits(numbers.astype(">u4").view(np.uint8).reshape(-1, 4), axis=1).astype(bool)


def psf(path, table, exposures):
    """Write a PSF table as gtpsf does; `exposures` are those at the table's energies."""
    rows = fits.BinTableHDU.from_columns(
        [
            fits.Column("Energy", "1D", unit="MeV", array=table.energy),
            fits.Column("Exposure", "1D", unit="cm2 s", array=exposures),
            fits.Column("Psf", f"{len(table.rad)}D", unit="sr-1", array=table.values),
        ],
        name="PSF",
    )
    theta = fits.BinTableHDU.from_columns(
        [fits.Column("Theta", "1D", unit="deg", array=table.rad)], name="THETA"
    )
    fits.HDUList([fits.PrimaryHDU(), rows, theta]).writeto(path)


def _sky_hdus(values, geom, name, column):
    """Build the primary HDU, and for HEALPix the table that holds the pixels."""
    image = geom.to_image()
    if not image.is_hpx:
        header = image.wcs.to_header()
        header.remove("WCSAXES", ignore_missing=True)
        header.insert(0, ("WCSAXES", values.ndim))  # must come before all other WCS keywords
        # Readers of LAT files go by the frame's name, and expect it for equatorial maps.
        if image.frame == "icrs":
            header["RADESYS"] = "FK5"
            header["EQUINOX"] = 2000.0
        header["CROTA2"] = 0.0  # gtsrcmaps stops without it
        return fits.PrimaryHDU(values, header=header), []
    form = "J" if values.dtype.kind == "i" else "E"
    columns = [fits.Column(f"{column}{i + 1}", form, array=row) for i, row in enumerate(values)]
    if not image.is_allsky:
        numbers = image.local_to_global((np.arange(values.shape[1]),))[0]
        columns.insert(0, fits.Column("PIX", "J", array=numbers))
    table = fits.BinTableHDU.from_columns(columns, name=name)
    nside = int(image.nside[0])
    table.header.update(
        {
            "PIXTYPE": "HEALPIX",
            "ORDERING": "NESTED" if image.nest else "RING",
            "ORDER": int(np.log2(nside)),
            "NSIDE": nside,
            "COORDSYS": "GAL" if image.frame == "galactic" else "CEL",
            "INDXSCHM": "IMPLICIT" if image.is_allsky else "EXPLICIT",
        }
    )
    if image.is_allsky:
        table.header.update({"FIRSTPIX": 0, "LASTPIX": 12 * nside**2 - 1})
    return fits.PrimaryHDU(), [table]


def _energy_axis(header, name, start, step):
    header.update({"CTYPE3": name, "CUNIT3": "MeV", "CRPIX3": 1.0, "CRVAL3": start, "CDELT3": step})


def _selection_keywords(header, selection, edges):
    """Add the cuts to a header as gtselect writes them (DSTYPn, DSUNIn, DSVALn)."""
    release = selection.release
    cuts = [
        (f"BIT_MASK(EVENT_CLASS,{selection.evclass},{release})", "DIMENSIONLESS", "1:1"),
        ("TIME", "s", "TABLE"),
        (f"BIT_MASK(EVENT_TYPE,{selection.evtype},{release})", "DIMENSIONLESS", "1:1"),
        ("ENERGY", "MeV", f"{edges[0]:.10g}:{edges[-1]:.10g}"),
        ("ZENITH_ANGLE", "deg", f"0:{selection.zenith[1]:g}"),
    ]
    for center, radius in selection.circles:
        value = f"CIRCLE({center.icrs.ra.deg:.7f},{center.icrs.dec.deg:.7f},{radius:.5g})"
        cuts.append(("POS(RA,DEC)", "deg", value))
    header["NDSKEYS"] = len(cuts)
    for i, (kind, unit, value) in enumerate(cuts, start=1):
        header[f"DSTYP{i}"], header[f"DSUNI{i}"], header[f"DSVAL{i}"] = kind, unit, value
        if kind == "TIME":
            header[f"DSREF{i}"] = ":GTI"


def _gti(intervals):
    return fits.BinTableHDU.from_columns(
        [
            fits.Column("START", "D", unit="s", array=intervals[:, 0]),
            fits.Column("STOP", "D", unit="s", array=intervals[:, 1]),
        ],
        name="GTI",
    )


def _write(path, hdus, selection):
    for hdu in hdus:
        hdu.header.update(
            {
                "TELESCOP": "GLAST",
                "INSTRUME": "LAT",
                "CREATOR": "fermiml simulate",
                "SIMULATE": True,
                "MJDREFI": MJDREF[0],
                "MJDREFF": MJDREF[1],
                "TIMESYS": "TT",
                "TIMEUNIT": "s",
                "TSTART": float(selection.gti[0, 0]),
                "TSTOP": float(selection.gti[-1, 1]),
            }
        )
    fits.HDUList(hdus).writeto(path, checksum=True)


def event_class(irf):
    """Parse release and event class bit of an IRF's name, e.g. P8R3 and 128 of P8R3_SOURCE_V3."""
    release, name = irf.split("_")[:2]
    bits = {value: key for key, value in EVENT_CLASSES.items()}
    return release, bits.get(name, 128)
