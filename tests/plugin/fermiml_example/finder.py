"""A finder without a network: the peaks of the joint significance."""

import numpy as np
from scipy.ndimage import center_of_mass, label, maximum_filter

from fermiml.detect.detections import Detections
from fermiml.features.patch_features import CLIP, N_FEATURES

SIGNIFICANCE = N_FEATURES - 3  # all bands together, for a photon index of 1.8
BAND_2_GEV, BAND_20_GEV = 12, 14  # matched filters of 2-7 GeV and of >20 GeV
LOWEST = 4.0  # sigma
POINT = 3.0  # pixels, about the radius at half height of the peak of a point source


class JointPeaks:
    """Takes every maximum of the significance above 4 sigma for a source."""

    name = "joint-peaks"
    summary = "maxima of the matched filter, all bands together; no network"
    localizer = ""  # it gives positions itself
    identity = "joint-peaks-1"  # to be changed with whatever changes the results
    operating = {}  # noqa: RUF012  (not calibrated: ML_Prob is the score)

    def find(self, features):
        """The `Detections` of each patch."""
        return [_peaks(patch.astype(float)) for patch in features]


def _peaks(patch):
    significance = patch[1:-1, 1:-1, SIGNIFICANCE]  # the curvature needs the neighbours
    top = (significance == maximum_filter(significance, 5)) & (significance > LOWEST)
    tops, number = label(top)  # bright sources are clipped: their tops are flat
    places = np.array(center_of_mass(top, tops, np.arange(1, number + 1))).reshape(-1, 2) + 1
    y, x = np.rint(places.T).astype(int)
    height = patch[y, x, SIGNIFICANCE]
    dx, dy, covariance = _parabola(np.square(patch[..., SIGNIFICANCE]), y, x)
    # Pulsars have a cutoff: bright at 2-7 GeV, gone above 20 GeV.
    cutoff = patch[y, x, BAND_2_GEV] - 6 * patch[y, x, BAND_20_GEV]
    return Detections(
        x + dx,
        y + dy,
        score=1 / (1 + np.exp(LOWEST + 1 - height)),
        covariance=covariance,
        pulsar=1 / (1 + np.exp(1 - cutoff / 4)),
        extent=np.where(height < CLIP, _extent(patch[..., SIGNIFICANCE], y, x), np.nan),
    )


def _parabola(ts, y, x):
    """Steps (dx, dy) from pixels to the top of the TS, and the covariance of that position.

    The log-likelihood is half of the TS, so the covariance is the inverse of minus half of the
    second derivatives. It is not known where the top is flat.
    """
    slope = np.array([ts[y, x + 1] - ts[y, x - 1], ts[y + 1, x] - ts[y - 1, x]]) / 2
    xx = ts[y, x + 1] + ts[y, x - 1] - 2 * ts[y, x]
    yy = ts[y + 1, x] + ts[y - 1, x] - 2 * ts[y, x]
    xy = (ts[y + 1, x + 1] + ts[y - 1, x - 1] - ts[y + 1, x - 1] - ts[y - 1, x + 1]) / 4
    peaked = (xx < 0) & (yy < 0) & (xx * yy > xy**2)
    information = -np.array([[xx, xy], [xy, yy]]).transpose(2, 0, 1) / 2
    information[~peaked] = np.eye(2)
    covariance = np.linalg.inv(information)
    dx, dy = np.where(peaked, np.einsum("nij,jn->in", covariance, slope / 2), 0.0)
    covariance[~peaked] = np.nan
    return np.clip(dx, -1, 1), np.clip(dy, -1, 1), covariance


def _extent(significance, y, x):
    """How much wider peaks are than that of a point source, in pixels; 0 where they are not."""
    rows, columns = np.indices(significance.shape)
    near = np.hypot(rows - y[:, None, None], columns - x[:, None, None]) < 3 * POINT
    high = significance > significance[y, x][:, None, None] / 2
    radius = np.sqrt(np.sum(near & high, axis=(1, 2)) / np.pi)
    return np.sqrt(np.maximum(np.square(radius) - POINT**2, 0))
