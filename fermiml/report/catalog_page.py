"""The page of a single catalog."""

from pathlib import Path

import numpy as np

from fermiml.plot import style
from fermiml.report.page import build
from fermiml.sky.describe import response_lines

_CLASSES = {"AGN": style.BLUE, "PSR": style.VERMILION, "FAKE": "#777777", "other": style.GREEN}


def page(cube, catalog, *, title="Sources", known=None):
    """One self-contained HTML page (a text): map of the counts, table of the catalog."""
    classes = np.asarray(catalog.table["ML_Class"], str)
    groups = np.where(np.isin(classes, list(_CLASSES)), classes, "other")
    colours = {name: colour for name, colour in _CLASSES.items() if name in groups}
    return build(
        cube, catalog, title=title, groups=groups, colours=colours, known=known,
        facts=facts_of_data(cube) + _facts(catalog),
    )  # fmt: skip


def facts_of_data(cube):
    """Describe the data, as (what, text)."""
    first = cube.components[0]
    edges = first.energy_edges / 1e3
    facts = [
        ("data", f"{Path(cube.source).name} ({cube.kind})"),
        ("energies", f"{edges[0]:.3g}-{edges[-1]:.3g} GeV, {len(edges) - 1} bins"),
        ("counts", f"{cube.total_counts:.0f}, in {len(cube.components)} component"
                   f"{'s' * (len(cube.components) != 1)}"),
    ]  # fmt: skip
    if not first.geom.is_allsky:
        center = cube.center.galactic
        facts.append(("centre", f"l {center.l.deg:.2f}, b {center.b.deg:.2f}"))
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
