"""From a gammapy MapDataset to fitted models and flux points of what fermiml finds in it.

    python docs/gammapy_analysis.py dataset.fits.gz

The dataset needs exposure, PSF and background, as for any fit in gammapy.
"""

import sys

from gammapy.datasets import Datasets, MapDataset
from gammapy.estimators import FluxPointsEstimator
from gammapy.modeling import Fit
from gammapy.modeling.models import FoVBackgroundModel

from fermiml import SourceDetector


def analyse(dataset, most=5):
    """Detect sources, fit the `most` significant ones, and make flux points of the first."""
    catalog = SourceDetector.from_pretrained().run(dataset)
    print(f"{len(catalog)} sources, {catalog.table['ML_Prob'].sum():.1f} expected to be real")
    catalog = catalog.sort("ML_TS", reverse=True)[:most]

    models = catalog.to_models()
    for model in models:  # the positions are those of the detector
        model.spatial_model.parameters.freeze_all()
        model.spectral_model.amplitude.min = 0
    models.append(FoVBackgroundModel(dataset_name=dataset.name))
    dataset.models = models

    result = Fit().run(dataset)
    print(result)
    print(models.to_parameters_table())

    estimator = FluxPointsEstimator(
        energy_edges=dataset.counts.geom.axes["energy"].edges,
        source=models[0].name,
        selection_optional=["ul"],
    )
    points = estimator.run(Datasets([dataset]))
    print(points.to_table(sed_type="dnde", formatted=True))
    return catalog, result, points


if __name__ == "__main__":
    analyse(MapDataset.read(sys.argv[1]))
