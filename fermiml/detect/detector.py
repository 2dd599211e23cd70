"""SourceDetector: from a cube to a catalog."""

import logging
from functools import partial

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from fermiml.catalog import flags
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.derive import forget_extrapolated
from fermiml.detect import calibration, candidates, classify
from fermiml.errors import InputError
from fermiml.localize import get_localizer
from fermiml.networks import pretrained
from fermiml.sky.cube import SkyCube

log = logging.getLogger(__name__)
_LOWEST = 0.15  # score below which nothing is looked at


class SourceDetector:
    """Finds point sources in counts, with a trained network.

    Parameters
    ----------
    network : fermiml.networks.pretrained.Pretrained
        See `from_pretrained`.
    localizer : str, optional
        kmeans, log, dbscan, centroid or peaks; by default the network's own.
    threshold : float, optional
        Least ML_Prob; by default the one for a purity of 95 % on the selection skies.
    photometry : bool
        Fit fluxes, spectra and positions; without, only positions and probabilities.
    origin : SkyCoord, optional
        Where the tiling of the sky has a patch centre.
    """

    def __init__(self, network, *, localizer=None, threshold=None, photometry=True, origin=None):
        if threshold is not None and not 0 <= threshold < 1:
            raise InputError(f"threshold {threshold}: give a probability between 0 and 1")
        self.network = network
        self.localizer = localizer or network.kind.LOCALIZER
        self._locate = partial(get_localizer(self.localizer), radius=network.kind.RADIUS)
        modes = network.card.get("operating", {}).get(self.localizer, {})
        self._point = modes.get("photometry" if photometry else "score")
        if self._point is None:
            log.warning(
                "%s with localizer %s was never calibrated: ML_Prob is the localizer's score",
                network.name,
                self.localizer,
            )
        self.threshold = self._default_threshold() if threshold is None else threshold
        self.photometry = photometry
        self.origin = origin

    @classmethod
    def from_pretrained(cls, name=pretrained.DEFAULT, **settings):
        """A detector with a shipped network, or with one from a folder of `fermiml train`."""
        return cls(pretrained.load(name), **settings)

    def run(self, data):
        """Detect sources in a SkyCube, or in anything that `SkyCube.read` takes.

        Returns a SourceCatalog, sorted by ML_Prob; an empty one when nothing is found.
        """
        cube = data if isinstance(data, SkyCube) else SkyCube.read(data)
        table = self.propose(cube)
        table = table[table["ML_Prob"] >= self.threshold]
        table.sort("ML_Prob", reverse=True)
        return SourceCatalog.from_table(table, meta=_header(cube))

    def propose(self, cube):
        """The table of all candidates in a SkyCube, also the improbable ones."""
        found = candidates.find(cube, self.network, self._locate, _LOWEST, self.origin)
        log.debug("%d candidates", len(found.score))
        if self.photometry:
            from fermiml.photometry.measure import measure
            from fermiml.photometry.table import drop_errors_at_bounds

            table = measure(cube, found.position, progress=True)
            ts = np.asarray(table["ML_TS"], float)
        else:
            icrs = found.position.icrs
            table, ts = Table({"RAJ2000": icrs.ra, "DEJ2000": icrs.dec}), None
            table["ML_Flags"] = np.zeros(len(table), np.int16)
        low = np.asarray(table["ML_Flags"] & flags.MLFlag.LOW_TS) > 0
        probability = self._probability(found.score, ts, low)
        table["ML_Score"] = found.score.astype(np.float32)
        table["ML_Prob"] = probability
        if self.photometry:  # a spectrum tells more than a network's map (docs/training.md)
            pulsar = classify.Classifier.load().pulsar_probability(table)
            drop_errors_at_bounds(table)
        else:
            pulsar = found.pulsar
        if np.isfinite(pulsar).any():
            classify.add_classes(table, pulsar)
        else:
            table["ML_Prob_FAKE"] = 1 - probability
        table["ML_Model"] = self.network.name
        table["ML_Localizer"] = self.localizer
        table["ML_Flags"] |= flags.of_response(cube)
        forget_extrapolated(table, _header(cube))
        # What shines in from beyond the edge is no source of these data.
        return table[cube.observed(SkyCoord(table["RAJ2000"], table["DEJ2000"], frame="fk5"))]

    def _probability(self, score, ts, low):
        if self._point is None:
            return np.asarray(score, float)
        return calibration.demoted(calibration.probability(score, ts, self._point), low)

    def _default_threshold(self):
        return 0.5 if self._point is None else float(self._point["threshold"])


def _header(cube):
    """Keywords that travel along with the catalog."""
    edges = [component.energy_edges for component in cube.components]
    header = {"EMIN": min(e[0] for e in edges), "EMAX": max(e[-1] for e in edges)}
    selection = cube.components[0].selection
    if selection.time is not None:
        header["TSTART"], header["TSTOP"] = selection.time
    if selection.irf_name:
        header["RSPFUNC"] = selection.irf_name
    return header
