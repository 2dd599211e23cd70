"""Files in the formats of the Fermitools, written with astropy alone for the tests."""

import gzip
import shutil

import healpy
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

EDGES = np.geomspace(500.0, 500000.0, 13)  # MeV
CENTER = SkyCoord(30.0, 45.0, unit="deg", frame="galactic")
GOOD_TIME = 1e8


def cuts(evclass=128, evtype=3, release="P8R3", energy=(500, 500000), circle=None, zmax=90):
    """(DSTYP, DSUNI, DSVAL) as gtselect and gtbin write them."""
    listed = [("TIME", "s", "TABLE")]
    if evclass is not None:
        listed.append((f"BIT_MASK(EVENT_CLASS,{evclass},{release})", "DIMENSIONLESS", "1:1"))
    if evtype is not None:
        listed.append((f"BIT_MASK(EVENT_TYPE,{evtype},{release})", "DIMENSIONLESS", "1:1"))
    if energy is not None:
        listed.append(("ENERGY", "MeV", f"{energy[0]}:{energy[1]}"))
    if zmax is not None:
        listed.append(("ZENITH_ANGLE", "deg", f"0:{zmax}"))
    if circle is not None:
        listed.append(("POS(RA,DEC)", "deg", "CIRCLE({},{},{})".format(*circle)))
    return listed


def add_cuts(header, listed):
    header["NDSKEYS"] = len(listed)
    for number, (kind, unit, value) in enumerate(listed, 1):
        header[f"DSTYP{number}"], header[f"DSUNI{number}"] = kind, unit
        header[f"DSVAL{number}"] = value
        if kind == "TIME":
            header[f"DSREF{number}"] = ":GTI"


def gti_hdu(start=239557417.0, good_time=GOOD_TIME):
    """Two intervals that together last `good_time`."""
    middle = start + good_time / 2
    starts, stops = [start, middle + 1000], [middle, start + good_time + 1000]
    return fits.BinTableHDU.from_columns(
        [
            fits.Column("START", "D", unit="s", array=starts),
            fits.Column("STOP", "D", unit="s", array=stops),
        ],
        name="GTI",
    )


def ebounds_hdu(edges=EDGES):
    return fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL", "I", array=np.arange(len(edges) - 1) + 1),
            fits.Column("E_MIN", "1E", unit="keV", array=edges[:-1] * 1e3),
            fits.Column("E_MAX", "1E", unit="keV", array=edges[1:] * 1e3),
        ],
        name="EBOUNDS",
    )


def celestial_wcs(center=CENTER, shape=(60, 80), binsz=0.1, proj="TAN", frame="galactic"):
    wcs = WCS(naxis=2)
    names = ("GLON", "GLAT") if frame == "galactic" else ("RA--", "DEC-")
    wcs.wcs.ctype = [f"{name}-{proj}" for name in names]
    at = center.transform_to(frame).spherical
    wcs.wcs.crval = at.lon.deg, at.lat.deg
    wcs.wcs.crpix = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    wcs.wcs.cdelt = -binsz, binsz
    wcs.wcs.cunit = "deg", "deg"
    return wcs


def write_ccube(path, counts=None, *, wcs=None, edges=EDGES, listed=None, gti=True, **grid):
    """A gtbin counts cube; 2-D counts make a counts map (CMAP) without EBOUNDS."""
    shape = grid.get("shape", (60, 80))
    if counts is None:
        counts = poisson((len(edges) - 1, *shape))
    wcs = celestial_wcs(**grid) if wcs is None else wcs
    header = wcs.to_header()
    if counts.ndim == 3:  # as in real files: linear keywords for logarithmic bins
        header.update(CTYPE3="Energy", CUNIT3="MeV", CRPIX3=1, CRVAL3=edges[0])
        header["CDELT3"] = edges[1] - edges[0]
    primary = fits.PrimaryHDU(counts, header)
    add_cuts(primary.header, cuts() if listed is None else listed)
    hdus = [primary] + ([ebounds_hdu(edges)] if counts.ndim == 3 else [])
    fits.HDUList(hdus + ([gti_hdu()] if gti else [])).writeto(path)
    return counts


def write_hpx(path, nside=32, *, ordering="RING", coordsys="GAL", pixels=None, counts=None):
    """A gtbin HealPix counts cube, of the full sky or of the listed pixels."""
    npix = 12 * nside**2 if pixels is None else len(pixels)
    counts = poisson((len(EDGES) - 1, npix)) if counts is None else counts
    columns = [fits.Column(f"CHANNEL{i + 1}", "D", array=row) for i, row in enumerate(counts)]
    if pixels is not None:
        columns.insert(0, fits.Column("PIX", "J", array=pixels))
    table = fits.BinTableHDU.from_columns(columns, name="SKYMAP")
    table.header.update(PIXTYPE="HEALPIX", ORDERING=ordering, COORDSYS=coordsys, NSIDE=nside)
    table.header["ORDER"] = int(np.log2(nside))
    if pixels is not None:
        table.header["INDXSCHM"] = "EXPLICIT"
    else:
        table.header.update(FIRSTPIX=0, LASTPIX=npix - 1)
    primary = fits.PrimaryHDU()
    add_cuts(primary.header, cuts())
    fits.HDUList([primary, table, ebounds_hdu(), gti_hdu()]).writeto(path)
    return counts


def write_bexpmap(path, value=1e11, *, nodes=EDGES, allsky=True, **grid):
    """gtexpcube2 output: all-sky CAR of 1 deg by default, at energy nodes."""
    if allsky:
        grid = {"center": SkyCoord(0, 0, unit="deg", frame="galactic"), "shape": (180, 360),
                "binsz": 1.0, "proj": "CAR"}  # fmt: skip
    header = celestial_wcs(**grid).to_header()
    header.update(CTYPE3="log_Energy", CRPIX3=1, CRVAL3=np.log(nodes[0]), CDELT3=0.5)
    data = np.full((len(nodes), *grid.get("shape", (60, 80))), value, np.float32)
    energies = fits.BinTableHDU.from_columns(
        [fits.Column("Energy", "1D", array=nodes)], name="ENERGIES"
    )
    fits.HDUList([fits.PrimaryHDU(data, header), energies, gti_hdu()]).writeto(path)


def write_gtpsf(path, sigma=0.5, nodes=EDGES):
    """gtpsf output: a Gaussian of `sigma` deg at every energy."""
    theta = np.linspace(0, 30, 3001)
    profile = np.exp(-0.5 * (theta / sigma) ** 2) / (2 * np.pi * np.radians(sigma) ** 2)
    psf = fits.BinTableHDU.from_columns(
        [
            fits.Column("Energy", "1D", array=nodes),
            fits.Column("Exposure", "1D", array=np.full(len(nodes), 1e11)),
            fits.Column("Psf", "3001D", array=np.tile(profile, (len(nodes), 1))),
        ],
        name="PSF",
    )
    angles = fits.BinTableHDU.from_columns([fits.Column("Theta", "1D", array=theta)], name="THETA")
    fits.HDUList([fits.PrimaryHDU(), psf, angles]).writeto(path)


def write_drm(path, edges=EDGES):
    """gtdrm output: no energy dispersion."""
    bins = len(edges) - 1
    columns = [
        fits.Column("ENERG_LO", "E", unit="MeV", array=edges[:-1]),
        fits.Column("ENERG_HI", "E", unit="MeV", array=edges[1:]),
        fits.Column("N_GRP", "I", array=np.ones(bins)),
        fits.Column("F_CHAN", "I", array=np.ones(bins)),
        fits.Column("N_CHAN", "I", array=np.full(bins, bins)),
        fits.Column("MATRIX", f"{bins}E", array=np.eye(bins)),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="DRM")
    fits.HDUList([fits.PrimaryHDU(), ebounds_hdu(edges), table]).writeto(path)


def write_ft1(
    path, events=None, *, circle=True, start=239557417.0, listed=None, good_time=GOOD_TIME
):  # fmt: skip
    """An FT1 file; `events` holds the arrays position, energy, zenith, time, evtype,
    and, if the file is to have them, numbers (of the run and in the run)."""
    events = random_events() if events is None else events
    at = events["position"].icrs
    bits = np.zeros((len(at), 32), bool)
    for bit in range(10):
        bits[:, 31 - bit] = (events["evtype"] >> bit) & 1
    names = {"ENERGY": events["energy"], "RA": at.ra.deg, "DEC": at.dec.deg}
    columns = [fits.Column(k, "E", array=v) for k, v in names.items()]
    columns += [
        fits.Column("ZENITH_ANGLE", "E", array=events["zenith"]),
        fits.Column("TIME", "D", array=events["time"]),
        fits.Column("EVENT_TYPE", "32X", array=bits),
    ]
    if "numbers" in events:
        columns += [
            fits.Column(name, "J", array=values)
            for name, values in zip(("RUN_ID", "EVENT_ID"), events["numbers"], strict=True)
        ]
    table = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    center = CENTER.icrs
    region = (center.ra.deg, center.dec.deg, 5.0) if circle else None
    add_cuts(table.header, cuts(circle=region, zmax=100) if listed is None else listed)
    fits.HDUList([fits.PrimaryHDU(), table, gti_hdu(start, good_time)]).writeto(path)
    return events


def random_events(count=4000, radius=5.0, seed=3):
    """Events spread evenly over a circle around CENTER, with an E^-2 spectrum."""
    random = np.random.default_rng(seed)
    offset = radius * np.sqrt(random.uniform(size=count)) * u.deg
    angle = random.uniform(0, 360, count) * u.deg
    fraction = random.uniform(size=count)
    return {
        "position": CENTER.directional_offset_by(angle, offset),
        "energy": 1 / (1 / 500 - fraction * (1 / 500 - 1 / 500000)),
        "zenith": random.uniform(0, 100, count),
        "time": 239557417.0 + random.uniform(0, GOOD_TIME, count),
        "evtype": random.choice([1 + 4, 1 + 32, 2 + 8, 2 + 16], count),
    }


def zipped(path):
    """The file, gzipped beside itself."""
    target = path.with_name(path.name + ".gz")
    with path.open("rb") as source, gzip.open(target, "wb") as sink:
        shutil.copyfileobj(source, sink)
    return target


def poisson(shape, mean=0.3, seed=1):
    return np.random.default_rng(seed).poisson(mean, shape).astype(np.int32)


def disc_pixels(nside, radius=10.0, nest=False):
    """HEALPix pixels (Galactic) within `radius` deg of CENTER."""
    vector = healpy.ang2vec(CENTER.l.deg, CENTER.b.deg, lonlat=True)
    return healpy.query_disc(nside, vector, np.radians(radius), nest=nest)
