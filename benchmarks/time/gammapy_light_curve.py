"""Light curves beside those of gammapy's LightCurveEstimator, on the same data: fluxes and times.

    PYTHONPATH=tests python benchmarks/time/gammapy_light_curve.py [--intervals 4]

A field of 4.5 deg (1-100 GeV, 14 years) with four sources, one of which flares; gammapy measures
two. It gets one MapDataset an interval (the same counts, background, exposure, PSF and energy
dispersion), the same spectra, and fits all norms in each interval (`reoptimize=True`), as fermiml
does.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from astropy import units as u
from gammapy.data import GTI
from gammapy.datasets import Datasets
from gammapy.estimators import LightCurveEstimator
from gammapy.maps import WcsNDMap
from gammapy.modeling.models import FoVBackgroundModel, Models
from makers import smallskies, timedskies

from fermiml import LightCurve
from fermiml.sky.selection import EPOCH

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine

SEED = 7
FLARING = 1
WIDTH = 4.5  # deg
YEARS = 14.0


def datasets_of(cube, models):
    """One dataset for each interval, with its models."""
    whole = cube.to_gammapy()[0]
    component = cube.components[0]
    times = component.times
    found = Datasets()
    for number, fraction in enumerate(times.bins.fractions):
        dataset = whole.copy(name=f"interval-{number}")
        counts = np.zeros((len(component.counts.data), component.mask.size))
        here = times.interval == number
        np.add.at(counts, (times.energy_bin[here], times.pixel[here]), times.counts[here])
        shape = component.counts.data.shape
        dataset.counts = WcsNDMap(component.counts.geom, counts.reshape(shape))
        dataset.exposure = whole.exposure * fraction
        dataset.background = whole.background * fraction
        ends = times.bins.edges[[number, number + 1]] * u.s
        dataset.gti = GTI.create(*ends, EPOCH)
        found.append(dataset)
    backgrounds = [FoVBackgroundModel(dataset_name=d.name) for d in found]
    found.models = Models([*models, *backgrounds])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--intervals", type=int, default=4)
    count = parser.parse_args().intervals
    warnings.simplefilter("ignore")
    print(machine(SEED))
    sources = smallskies.four()
    factors = np.ones((4, count))
    factors[FLARING, 2] = 3.0
    cube = timedskies.cube(sources, factors, SEED, timedskies.intervals(count), years=YEARS,
                           width=WIDTH)  # fmt: skip
    catalog = smallskies.seeds(sources, shapes=True)
    begin = time.process_time()
    result = LightCurve().run(catalog, cube)
    ours = time.process_time() - begin
    print(f"fermiml: {ours:.2f} s of CPU for 4 sources in {count} intervals")
    models = catalog.to_models()
    for model in models:
        for parameter in model.parameters:
            parameter.frozen = parameter.name not in ("amplitude", "norm")
    begin = time.process_time()
    datasets = datasets_of(cube, models)
    print("gammapy: datasets are there", flush=True)
    for row in (FLARING, 2):
        estimator = LightCurveEstimator(
            energy_edges=[1, 100] * u.GeV, source=models[row].name, reoptimize=True,
            selection_optional=None,
        )  # fmt: skip
        points = estimator.run(datasets)
        norms = points.norm.data.ravel(), points.norm_err.data.ravel()
        flux = np.asarray(result.catalog.table["Flux_History"][row], float)
        error = np.nanmean(np.abs(result.catalog.table["Unc_Flux_History"][row]), axis=1)
        unit = sources.flux((100.0, 1e5))[row, 0]
        apart = (flux / unit - norms[0]) / (error / unit)
        print(f"source {row}: difference over error, mean {np.nanmean(apart):.3f}, largest "
              f"{np.nanmax(np.abs(apart)):.3f}; errors over gammapy's "
              f"{np.nanmean(error / unit / norms[1]):.3f}")  # fmt: skip
        print(f"gammapy: {time.process_time() - begin:.1f} s of CPU so far", flush=True)


if __name__ == "__main__":
    main()
