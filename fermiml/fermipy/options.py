"""The options of `ml_seed`, in fermipy's form: (default, what it is, type)."""

from fermiml.detect.finder import check_known
from fermiml.errors import InputError
from fermiml.fermipy import seed_spectra
from fermiml.localize import LOCALIZERS
from fermiml.schema import (
    flag,
    list_of,
    number,
    one_of,
    refuse_unknown,
    settings,
    shown,
    text,
    whole,
)

ML_SEED = {
    "network": (None, "Network that finds the seeds: one of `fermiml models` or a folder of "
                "`fermiml train`. By default the best shipped one.", str),
    "localizer": (None, "What turns the network's map into positions: kmeans, log, dbscan, "
                  "centroid, peaks, convergence, or another package's. By default the network's "
                  "own.", str),
    "threshold": (0.3, "Least probability (ML_Prob) of a seed. The likelihood judges what is "
                  "above; None is the network's 95 % purity point.", float),
    "looks": (1, "How often the network looks at the counts. From the second time on, the model "
              "with what was found before is its background.", int),
    "model": (None, "Dictionary defining the spectrum of the seeds. By default a PowerLaw with "
              "Index 2; its flux starts at the one of the photometry.", dict),
    "match_level": (0.99, "A seed is a source of the ROI if it lies within this contour of both "
                    "error ellipses together.", float),
    "match_radius": (0.1, "A seed closer than this (deg) to a source of the ROI is that source, "
                     "whatever the ellipses say.", float),
    "min_separation": (0.2, "A seed closer than this (deg) to a more probable one is not added.",
                       float),
    "sqrt_ts_threshold": (5.0, "Least sqrt(TS) of a seed that stays.", float),
    "sources_per_iter": (10, "Seeds that are added and fitted together.", int),
    "max_iter": (10, "Largest number of such batches.", int),
    "free_radius": (1.0, "Norms of sources within this angle (deg) of a seed are fitted along.",
                    float),
    "free_params": (None, "Parameters of the new sources that are free in the final fit. By "
                    "default all of the spectrum.", list),
    "localize": (True, "Localize the sources that stay.", bool),
    "extents": (True, "Fit form, position and size of extended seeds.", bool),
    "compare": (None, "find_sources: run this, too, from the same starting model, and write a "
                "table of both.", str),
    "time": (False, "Measure light curves of the sources of the catalog, from the selected events; "
             "its files have their columns.", bool),
    "time_bins": ("yearly", "Intervals of the light curves: a number, yearly, monthly, or edges "
                  "with commas between them.", str),
    "make_plots": (False, "Generate diagnostic plots.", bool),
    "write_fits": (True, "Write the output to a FITS file.", bool),
    "write_npy": (True, "Write the output dictionary to a numpy file.", bool),
}  # fmt: skip
# What the method takes besides, as find_sources does.
_ARGUMENTS = ("prefix", "loglevel", "search_skydir", "search_minmax_radius")


def _network(name, value):
    check_known(text(name, value))


def _localizer(name, value):
    LOCALIZERS.check(text(name, value))


def _names(name, value):
    """Check that a value is a list of names, or one name."""
    list_of(text, single=True)(name, value)


def _intervals(name, value):
    """Check that a value is a number of intervals, or text."""
    if isinstance(value, str):
        text(name, value)
    else:
        whole(1)(name, value)


_KINDS = {
    "network": _network,
    "localizer": _localizer,
    "threshold": number(0, below=1),
    "model": settings(),
    "match_level": number(0, below=1),
    "match_radius": number(0),
    "min_separation": number(0),
    "sqrt_ts_threshold": number(0),
    "looks": whole(1),
    "sources_per_iter": whole(1),
    "max_iter": whole(1),
    "free_radius": number(0),
    "free_params": _names,
    "localize": flag,
    "extents": flag,
    "compare": one_of("find_sources"),
    "time": flag,
    "time_bins": _intervals,
    "make_plots": flag,
    "write_fits": flag,
    "write_npy": flag,
}


def check_section(section):
    """Refuse an `ml_seed` section that is not a section, or has an unknown key."""
    if not isinstance(section, dict):
        raise InputError(
            f"ml_seed: expected options, not {shown(section)}; {{}} takes the defaults"
        )
    _refuse(section, ML_SEED, "ml_seed.")
    check_spectrum(section)


def check_spectrum(config):
    """Refuse a `model` and `free_params` that do not go together."""
    seed_spectra.check(config.get("model"), config.get("free_params"))


def check_arguments(given):
    """Refuse keyword arguments of `gta.ml_seed` that do not exist or make no sense."""
    _refuse(given, (*ML_SEED, *_ARGUMENTS), "ml_seed: ")


def _refuse(given, known, where):
    refuse_unknown(given, known, where)
    check_values({key: given[key] for key in given if key in ML_SEED})


def check_values(config):
    """Refuse values that make no sense; text for a number (1e-1) is fermipy's to convert."""
    for key, value in config.items():
        if value is not None:
            _KINDS[key](f"ml_seed.{key}", value)
