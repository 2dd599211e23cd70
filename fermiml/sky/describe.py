"""A SkyCube in words and numbers: what is known, what is missing, what is assumed."""

import numpy as np

from fermiml.response import exposure as exposures
from fermiml.response.irfs import EVENT_CLASSES
from fermiml.sky.bands import group_bands
from fermiml.sky.energy_text import energy_text, range_text
from fermiml.sky.patches import PIXEL
from fermiml.sky.selection import dates_text

_COARSE = 1.0  # deg, of pixels: the 68 % radius of the PSF at 0.8 GeV
_NOT_SAID = "not in the header"


def response_lines(cube):
    """Describe in two lines where the response came from, and what was assumed."""
    taken = []
    for part, what in (("psf", "PSF"), ("exposure", "exposure"), ("edisp", "energy dispersion")):
        texts = [c.origins[part].text for c in cube.components if part in c.origins]
        taken.append(f"{what}: {', '.join(dict.fromkeys(texts)) or 'none'}")
    taken.append(f"expected background counts: {_background(cube)}")
    notes = [note for c in cube.components for note in c.notes + _missing(c)]
    return ["; ".join(taken), f"assumed: {'; '.join(dict.fromkeys(notes)) or 'nothing'}"]


def _background(cube):
    """Say what the background maps of the components are: given, or made from a diffuse model."""
    if not cube.has_background:
        return "none"
    origins = [component.origins.get("background") for component in cube.components]
    return ", ".join(dict.fromkeys(origin.text if origin else "given" for origin in origins))


def obstacles(cube):
    """List the reasons why nothing can be found in a cube; empty if there is none."""
    if not any(component.mask.any() for component in cube.components):
        return ["every pixel is masked"]
    found, banded = [], [group_bands(component) for component in cube.components]
    if not any(band.covered > 0 for b in banded for band in b.bands):
        found.append(f"{range_text(*cube.energy_range)} is outside the bands of the "
                     "networks, which begin at 500 MeV")  # fmt: skip
    elif not any(b.counts[:, b.component.mask].any() for b in banded):
        found.append("there are no counts above 500 MeV in the observed pixels")
    coarsest = max(component.pixel_size for component in cube.components)
    if coarsest > _COARSE:
        found.append(f"pixels of {coarsest:.2g} deg are too large to resolve sources")
    return found


def describe(cube):
    """Plain data (ready for JSON); each fact has a `text` for people."""
    return {
        "source": cube.source,
        "kind": cube.kind,
        "counts": cube.total_counts,
        "components": [_component(c) for c in cube.components],
    }


def _component(component):
    banded = group_bands(component)
    return {
        "name": component.name,
        "sky": _sky(component),
        "centre": _center(component),
        "observed": _observed(component),
        "energy": _energy(component),
        "counts": _counts(component),
        "event class": _event_class(component.selection),
        "event type": _event_type(component),
        "time": _time(component.selection),
        "zenith": _zenith(component.selection),
        "selection": _circles(component.selection),
        "psf": _origin(component, "psf"),
        "exposure": _exposure(component),
        "energy dispersion": _origin(component, "edisp"),
        "background": {"text": "none given" if component.background is None else "given"},
        "bands": [_band(banded, number) for number in range(len(banded.bands))],
        "remainder": banded.remainder,
        "notes": component.notes + _missing(component),
    }


def _sky(component):
    geom = component.counts.geom
    if component.is_healpix:
        order = "NESTED" if geom.nest else "RING"
        grid = f"HEALPix nside {int(geom.nside[0])} {order}, {component.mask.size} pixels"
    else:
        height, width = geom.data_shape[-2:]
        grid = f"{width} x {height} pixels, {geom.projection}"
    return {
        "text": f"{grid}, {component.pixel_size:.3g} deg per pixel, {geom.frame}",
        "pixel_deg": component.pixel_size,
        "frame": geom.frame,
    }


def _center(component):
    icrs, galactic = component.center.icrs, component.center.galactic
    return {
        "text": (
            f"RA {icrs.ra.deg:.3f}, Dec {icrs.dec.deg:.3f} "
            f"(l {galactic.l.deg:.3f}, b {galactic.b.deg:.3f})"
        ),
        "ra": icrs.ra.deg,
        "dec": icrs.dec.deg,
    }


def _observed(component):
    area = float(component.pixel_areas()[component.mask].sum())
    count = int(component.mask.sum())
    text = f"{area:.5g} deg2, {count} of {component.mask.size} pixels"
    return {"text": text, "deg2": area, "pixels": count}


def _energy(component):
    edges = component.energy_edges
    per_decade = (len(edges) - 1) / np.log10(edges[-1] / edges[0])
    text = f"{range_text(edges[0], edges[-1])}, {len(edges) - 1} bins ({per_decade:.3g} per decade)"
    return {"text": text, "edges_mev": [float(f"{edge:.9g}") for edge in edges]}


def _counts(component):
    total = float(component.counts.data.sum(dtype=float))
    inside = float(component.counts.data[:, component.mask].sum(dtype=float))
    text = f"{total:.0f}"
    if total - inside > 0.5:
        text += f", of which {total - inside:.0f} in masked pixels"
    return {"text": text, "total": total, "observed": inside}


def _event_class(selection):
    if selection.evclass is None:
        return {"text": _NOT_SAID, "bit": None}
    name = EVENT_CLASSES.get(selection.evclass, "unknown class")
    release = f", {selection.release}" if selection.release else ""
    return {"text": f"{name} ({selection.evclass}{release})", "bit": selection.evclass}


def _event_type(component):
    bits = component.selection.evtype
    if bits is None:
        return {"text": f"{_NOT_SAID}; the response is given", "bits": None}
    return {"text": f"{'+'.join(component.event_types)} ({bits})", "bits": bits}


def _time(selection):
    if selection.time is None:
        return {"text": "no GTI table", "good_time_s": None}
    days = selection.good_time / 86400
    return {
        "text": f"{dates_text(*selection.time)}, {days:.4g} d of good time",
        "met": [float(t) for t in selection.time],
        "good_time_s": selection.good_time,
    }


def _zenith(selection):
    if selection.zenith is None:
        return {"text": _NOT_SAID, "deg": None}
    low, high = selection.zenith
    return {"text": f"{low:g} - {high:g} deg", "deg": [low, high]}


def _circles(selection):
    texts = [
        f"circle of {radius:.4g} deg around RA {center.ra.deg:.3f}, Dec {center.dec.deg:.3f}"
        for center, radius in selection.circles
    ]
    return {"text": "; ".join(texts) or "no circle in the header"}


def _origin(component, part):
    origin = component.origins[part]
    return {"text": origin.text, "assumed": origin.assumed}


def _exposure(component):
    edges = component.energy_edges
    energy = np.clip(1e3, edges[0], edges[-1])  # 1 GeV, or the nearest that there is
    value = float(exposures.sample(component.exposure, component.center[None], energy)[0, 0])
    facts = _origin(component, "exposure")
    facts["text"] += f"; {value:.3g} cm2 s at the centre, {energy_text(float(energy))}"
    return {**facts, "cm2_s": value}


def _band(banded, number):
    band, psf = banded.bands[number], banded.psf[number]
    low, high = (edge / 1e3 for edge in band.nominal)
    return {
        "nominal": f"> {low:g}" if np.isinf(high) else f"{low:g} - {high:g}",
        "here_gev": [edge / 1e3 for edge in band.edges] if band.edges else None,
        "covered": band.covered,
        "counts": float(banded.counts[number].sum(dtype=float)),
        "r68_deg": float(psf.containment_radius(psf.energy, 0.68)[0]) if psf else None,
    }


def _missing(component):
    """List what no reader can fill in, and cuts that were not understood."""
    selection = component.selection
    notes = [f"cut not recognised and ignored: {cut}" for cut in selection.ignored]
    if component.pixel_size > 2 * PIXEL:
        notes.append(
            f"pixels of {component.pixel_size:.2g} deg: every count is spread over its pixel "
            "and the PSF widened accordingly; positions are less precise"
        )
    if selection.zenith is None:
        notes.append("no zenith cut in the header: Earth limb photons may be in the data")
    return notes
