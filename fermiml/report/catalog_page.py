"""The page of a single catalog."""

from pathlib import Path

import numpy as np

from fermiml.detect.finder import has_heatmap
from fermiml.detect.sky_maps import heatmap
from fermiml.plot import style
from fermiml.plot.overview import heatmap_image
from fermiml.plot.sky_images import SkyImages
from fermiml.report.page import build
from fermiml.sky.describe import response_lines
from fermiml.sky.energy_text import range_text
from fermiml.wording import counted

_CLASSES = {"AGN": style.BLUE, "PSR": style.VERMILION, "SNR": style.ORANGE, "FAKE": "#777777",
            "other": style.GREEN}  # fmt: skip


def page(cube, catalog, *, title="Sources", known=None, finder=None):
    """Build one self-contained HTML page (a text): maps, and a table of the catalog.

    Parameters
    ----------
    cube : fermiml.SkyCube
    catalog : fermiml.SourceCatalog
    title : str
    known : fermiml.SourceCatalog, optional
        Known sources, as crosses on the map.
    finder : fermiml.detect.finder.Finder, optional
        Network whose heatmap is a layer of the map.
    """
    classes = np.asarray(catalog.table["ML_Class"], str)
    groups = np.where(np.isin(classes, list(_CLASSES)), classes, "other")
    colours = {name: colour for name, colour in _CLASSES.items() if name in groups}
    return build(
        *layers(cube, catalog, finder), catalog, title=title, groups=groups, colours=colours,
        known=known, facts=facts_of_data(cube) + _facts(catalog),
    )  # fmt: skip


def layers(cube, catalog, finder=None):
    """Make the pictures of a page's map, by name, and their geometry (which comes first)."""
    images = SkyImages(cube)
    made = {
        "Counts": images.counts(),
        "Significance": images.significance(),
        "Residuals": images.residuals(catalog),
    }
    if finder is not None and has_heatmap(finder):
        made["Network"] = heatmap_image(heatmap(cube, finder))
    return images.geom, made


def facts_of_data(cube):
    """Describe the data, as (what, text)."""
    first = cube.components[0]
    edges = first.energy_edges
    facts = [
        ("data", f"{Path(cube.source).name} ({cube.kind})"),
        ("energies", f"{range_text(edges[0], edges[-1])}, {len(edges) - 1} bins"),
        ("counts", f"{cube.total_counts:.0f}, in "
                   f"{counted(len(cube.components), 'component')}"),
    ]  # fmt: skip
    if not first.geom.is_allsky:
        center = cube.center.galactic
        facts.append(("centre", f"l {center.l.deg:.2f}\u00b0, b {center.b.deg:.2f}\u00b0"))
    taken, assumed = response_lines(cube)
    facts += [("response", taken), ("assumed", assumed.removeprefix("assumed: "))]
    return facts


def _facts(catalog):
    table = catalog.table
    facts = [("sources", str(len(catalog)))]
    probability, ts = (np.asarray(table[name], float) for name in ("ML_Prob", "TS"))
    if np.isfinite(probability).any():
        facts.append(("expected to be real", f"{np.nansum(probability):.1f}"))
    if np.isfinite(ts).any():
        facts.append(("with TS > 25", str(int(np.sum(ts > 25)))))
    return facts
