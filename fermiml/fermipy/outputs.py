"""What `ml_seed` returns and writes."""

from pathlib import Path

import numpy as np

from fermiml.catalog import flags
from fermiml.catalog.associate import association_columns
from fermiml.fermipy import decisions, rows
from fermiml.likelihood.extent_columns import refitted, write_extents


def collect(gta, seeds):
    """Collect the result: sources, peaks, and the catalog of new and known sources."""
    new = seeds.rows(decisions.NEW)
    return {
        "sources": [gta.roi[name] for name in seeds.names(new)],
        "peaks": [_peak(seeds, row) for row in range(len(seeds.catalog))],
        "catalog": catalog_of(gta, seeds),
    }


def _peak(seeds, row):
    """Describe a seed, with the keys of find_sources' peaks where it has them."""
    line = seeds.catalog.table[row]
    place = seeds.catalog.positions[row]
    return {
        "name": str(line["Source_Name"]),
        "skydir": place.icrs,
        "ra": float(place.icrs.ra.deg),
        "dec": float(place.icrs.dec.deg),
        "glon": float(line["GLON"]),
        "glat": float(line["GLAT"]),
        "pos_r95": float(np.sqrt(line["Conf_95_SemiMajor"] * line["Conf_95_SemiMinor"])),
        "ml_prob": float(line["ML_Prob"]),
        "ml_ts": float(line["ML_TS"]),
        "ts": float(seeds.ts[row]),
        "status": str(seeds.status[row]),
        "reason": seeds.reason[row],
        "known": seeds.sources[row],
    }


def catalog_of(gta, seeds):
    """Return new and known seeds in 4FGL's columns, with TS and spectra of gtlike.

    `ROI_Status` says new or known and `ROI_Name` which source of the model it is; a known one
    keeps the network's position, and is named in the association columns.
    """
    return filled(gta, seeds)[seeds.rows(decisions.NEW, decisions.KNOWN)]


def filled(gta, seeds):
    """Fill the catalog of all seeds with gtlike's results for those that are in the model."""
    table = seeds.catalog.table.copy()
    table.meta.update(EMIN=float(gta.energies[0]), EMAX=float(gta.energies[-1]))
    table["ROI_Status"] = seeds.status.astype("U8")
    table["ROI_Name"] = np.array(
        [name or own if status in (decisions.NEW, decisions.KNOWN) else ""
         for name, own, status in zip(seeds.sources, table["Source_Name"], seeds.status,
                                      strict=True)], "U40",
    )  # fmt: skip
    sources = {}
    for row in seeds.rows(decisions.NEW, decisions.KNOWN):
        name, new = str(table["ROI_Name"][row]), seeds.status[row] == decisions.NEW
        source = sources[row] = gta.roi[name]
        rows.write_spectrum(table[row], source, seeds.ts[row] if new else source["ts"])
        if row in seeds.localized:
            rows.write_place(table[row], source)
        if not new:
            for column in association_columns(name):
                table[column][row] = name
    extents = {row: seeds.extents[row] for row in seeds.extents if row in sources}
    write_extents(table, extents)
    # The response is fermipy's, and what did not converge is not in the model.
    flags.decide_again(table, sorted(sources), 0, flags.FITTED & ~flags.MLFlag.BLENDED)
    extended = refitted(seeds.catalog.extended, table, extents)
    return rows.derived(table, sources, extended=extended, gti=seeds.catalog.gti)


def write(gta, result, prefix, config):
    """Write the files: catalog, dictionary, plots."""
    path = file_name(gta, prefix, "ml_seed")
    if config["write_fits"]:
        result["catalog"].write(path.with_suffix(".fits"), overwrite=True)
        result["file"] = path.with_suffix(".fits").name
        # Beside a catalog in `model: catalogs`, the known ones would be there twice.
        new = result["catalog"].table["ROI_Status"] == decisions.NEW
        only = path.with_name(f"{path.name}_new.fits")
        result["catalog"].filter(new).write(only, overwrite=True)
        result["file_new"] = only.name
    if config["write_npy"]:
        np.save(path.with_suffix(".npy"), _plain(result), allow_pickle=True)
    if config["make_plots"]:
        draw(gta, result, prefix)


def draw(gta, result, prefix):
    """Draw the figure of counts and seeds."""
    from fermiml.fermipy import plots

    plots.seeds_on_counts(gta, result, file_name(gta, prefix, "ml_seed"))


def file_name(gta, prefix, name):
    """Return a path in the working folder, named as fermipy names its files."""
    return Path(gta.workdir) / "_".join(part for part in (prefix, name) if part)


def _plain(result):
    """Return what can be read back without fermiml."""
    sources = [source.data for source in result["sources"]]
    return {"sources": sources, "peaks": result["peaks"], "time": result["time"]}
