"""`ml_seed` beside `find_sources`: the same start, the same final fit, one table."""

import time

import numpy as np
from astropy.table import Table

from fermiml.catalog.ellipses import R95
from fermiml.fermipy import decisions, engine, outputs, rows, workflow
from fermiml.fermipy.scene import reoptimized_ts

MATCH = 0.3  # deg, within which two sources are the same
_FLUX = "cm-2 s-1"
_UNITS = {"ra": "deg", "dec": "deg", "r95": "deg", "flux": _FLUX, "flux_err": _FLUX}
_HEAD = f"{'TS':>7s} {'r95':>5s} {'flux > 1 GeV':>14s}"  # of one search, as `_cells` fills it
_UNIT_LINE = f"{'':7s} {'deg':>5s} {'1e-10 cm-2 s-1':>14s}"


def compare(gta, prefix, config, say):
    """Run both searches from one saved state; the analysis ends as `ml_seed` leaves it.

    Returns the result of `ml_seed` with the table as `compare`.
    """
    start, end = (str(outputs.file_name(gta, prefix, f"ml_seed_{n}")) for n in ("start", "end"))
    gta.write_roi(start)
    began = time.process_time()
    result = workflow.run(gta, prefix, {**config, "make_plots": False}, say)
    used = {"time": sum(result["time"].values()), "cpu": time.process_time() - began}
    network = {**_side(gta, [s.name for s in result["sources"]], config), **used}
    network["prob"] = {peak["name"]: peak["ml_prob"] for peak in result["peaks"]}
    freedom = engine.parameters(gta)
    gta.write_roi(end)

    gta.load_roi(start)
    try:
        traditional = _find_sources(gta, prefix, config, say)
    finally:
        gta.load_roi(end)
    engine.restore_freedom(gta, freedom)
    result["sources"] = [gta.roi[name] for name in network["names"]]
    result["compare"] = table = side_by_side(network, traditional)
    say(_summary(table))
    if config["write_fits"]:
        table.write(outputs.file_name(gta, prefix, "ml_seed_compare.fits"), overwrite=True)
    if config["make_plots"]:
        outputs.draw(gta, result, prefix)
    return result


def _find_sources(gta, prefix, config, say):
    """Run the traditional search with the same threshold and spectrum; refit as ml_seed does."""
    began = time.time(), time.process_time()
    options = {"sqrt_ts_threshold": config["sqrt_ts_threshold"]}
    if config["model"]:
        options["model"] = config["model"]
    if config["search_skydir"] is not None:
        options["search_skydir"] = config["search_skydir"]
        options["search_minmax_radius"] = config["search_minmax_radius"]
    found = gta.find_sources(prefix=prefix, **options)
    names = [source.name for source in found["sources"]]
    try:
        _refit(gta, names, config)
    except engine.FitFailed as error:
        say(f"The refit of find_sources' list failed: {error}")
    used = {"time": time.time() - began[0], "cpu": time.process_time() - began[1]}
    return {**_side(gta, names, config), **used}


def _refit(gta, names, config):
    """Fit the sources of a list in groups, as ml_seed does."""
    radius, pars = config["free_radius"], config["free_params"]
    position, _ = rows.places([gta.roi[name] for name in names])
    engine.fit_norms(gta, names, radius)
    for group in decisions.groups(position, 2 * radius):
        engine.refit(gta, [names[number] for number in group], radius, pars)


def _side(gta, names, config):
    """Return positions, TS and fluxes of the sources of one search."""
    sources = [gta.roi[name] for name in names]
    position, (major, minor, _) = rows.places(sources)
    return {
        "names": names,
        "position": position,
        "r95": R95 * np.sqrt(major * minor),
        "ts": reoptimized_ts(gta, names, config["free_radius"]),
        "flux": np.array([source["flux1000"] for source in sources], float),
        "flux_err": np.array([source["flux1000_err"] for source in sources], float),
        "loglike": engine.loglike(gta),
    }


def side_by_side(network, traditional):
    """Build a table with a row for each source: first those that both found, then the others."""
    pairs = matched(network["position"], traditional["position"])
    alone = [(i, None) for i in _others(network, [a for a, _ in pairs])]
    alone += [(None, j) for j in _others(traditional, [b for _, b in pairs])]
    order = [*sorted(pairs, key=lambda p: -network["ts"][p[0]]), *alone]
    table = Table({"found_by": ["both"] * len(pairs) + [_by(*p) for p in alone]}, dtype=["U12"])
    for prefix, side, column in (("ml", network, 0), ("fs", traditional, 1)):
        chosen = [pair[column] for pair in order]
        table[f"{prefix}_name"] = [side["names"][i] if i is not None else "" for i in chosen]
        for key in ("ts", "r95", "flux", "flux_err"):
            table[f"{prefix}_{key}"] = [side[key][i] if i is not None else np.nan for i in chosen]
        place = [side["position"][i] if i is not None else None for i in chosen]
        table[f"{prefix}_ra"] = [p.ra.deg if p is not None else np.nan for p in place]
        table[f"{prefix}_dec"] = [p.dec.deg if p is not None else np.nan for p in place]
        for key in ("time", "cpu", "loglike"):
            table.meta[f"{key[:4]}_{prefix}".upper()] = side[key]
    table["ml_prob"] = [network["prob"].get(name, np.nan) for name in table["ml_name"]]
    table["separation"] = [
        network["position"][i].separation(traditional["position"][j]).deg
        if i is not None and j is not None else np.nan
        for i, j in order
    ]  # fmt: skip
    table["separation"].unit = "deg"
    for side in ("ml", "fs"):
        for key, unit in _UNITS.items():
            table[f"{side}_{key}"].unit = unit
    return table


def report(table):
    """Format the comparison as text: a line for each source, both searches side by side."""
    lines = [
        "                                        ml_seed                      find_sources",
        f"{'source':24s} {'found by':12s}  {_HEAD}  {_HEAD}  offset",
        f"{'':37s}  {_UNIT_LINE}  {_UNIT_LINE}     deg",
    ]
    for row in table:
        sides = "  ".join(_cells(row, side) for side in ("ml", "fs"))
        name = row["ml_name"] or row["fs_name"]
        offset = _number(row["separation"], "7.3f")
        lines.append(f"{name:24s} {row['found_by']:12s}  {sides} {offset}")
    return "\n".join([*lines, _summary(table)])


def _cells(row, side):
    flux, error = (_number(1e10 * row[f"{side}_{k}"], "5.1f") for k in ("flux", "flux_err"))
    ts, r95 = _number(row[f"{side}_ts"], "7.1f"), _number(row[f"{side}_r95"], "5.3f")
    known = np.isfinite(row[f"{side}_flux"])
    return f"{ts} {r95} " + (f"{flux} +- {error}" if known else f"{'-':>14s}")


def _number(value, form):
    """Format a number for a column, or a dash of the same width."""
    return f"{value:{form}}" if np.isfinite(value) else f"{'-':>{form.split('.')[0]}}"


def matched(position, other, radius=MATCH):
    """Match rows within `radius` (deg) one to one, closest first; return the pairs."""
    from fermiml.catalog import crossmatch

    pairs = crossmatch.best(crossmatch.pairs_within(position, other, radius))
    return list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def _others(side, taken):
    return [i for i in np.argsort(-side["ts"]) if i not in taken]


def _by(mine, _theirs):
    return "find_sources" if mine is None else "ml_seed"


def _summary(table):
    count = {by: int(np.sum(table["found_by"] == by)) for by in ("both", "ml_seed", "find_sources")}
    return (
        f"Found by both {count['both']}, only by ml_seed {count['ml_seed']}, only by find_sources "
        f"{count['find_sources']}; {table.meta['TIME_ML']:.0f} s and {table.meta['TIME_FS']:.0f} s,"
        f" log-likelihood {table.meta['LOGL_ML']:.1f} and {table.meta['LOGL_FS']:.1f}"
    )
