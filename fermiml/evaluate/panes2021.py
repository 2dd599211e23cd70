"""Detections scored by the definitions of Panes et al. (2021), for comparison with their results.

The brightest true source within 0.3 deg is the one that was found, whatever its significance; a
false detection is counted at the flux of the true source that is nearest to it; the sky is
divided at |b| = 20 deg.
"""

import numpy as np

from fermiml.evaluate import metrics

LEVEL = 0.9
# S1 (ph cm-2 s-1) at 90 % completeness and at 90 % purity: 9.5 years, ULTRACLEANVETO, FRONT
PANES_2021 = {
    "|b|>20": {"completeness": 2.5e-10, "purity": 1.6e-10},
    "|b|<20": {"completeness": 1.2e-9, "purity": 4e-10},
}


def flux_limits(judged, threshold):
    """S1 at 90 % completeness and at 90 % purity above a threshold, by half of the sky."""
    return {zone: _limits(judged, zone, threshold) for zone in metrics.HALVES}


def _limits(judged, zone, threshold):
    parts = [_scored(j, zone, threshold) for j in judged]
    flux, found, assigned, matched = (np.concatenate(p) for p in zip(*parts, strict=True))
    return {
        "completeness": metrics.flux_at(LEVEL, flux, found),
        "purity": metrics.flux_at(LEVEL, assigned, matched),
        "true_sources": len(flux),
        "detections": len(assigned),
    }


def _scored(one, zone, threshold):
    """Of a field: fluxes of true sources and which are found; fluxes that the detections are
    counted at and which match."""
    c = one.comparison
    flux = np.asarray(one.truth.table["S1"], float)
    wanted = c.true_counts & metrics.zone_mask(c.true, zone)
    used = np.flatnonzero(c.score >= threshold)
    detected = c.detected[used]
    row = metrics.match_brightest(detected, c.true, np.full(len(flux), np.inf), flux)
    found = np.zeros(len(flux), bool)
    found[row[row >= 0]] = True
    if len(used) and len(flux):
        row = np.where(row >= 0, row, -1 - detected.match_to_catalog_sky(c.true)[0])
    counted = c.detected_counts[used] & metrics.zone_mask(detected, zone)
    assigned = flux[np.where(row >= 0, row, -1 - row)] if len(flux) else np.zeros(len(row))
    return flux[wanted], found[wanted], assigned[counted], (row >= 0)[counted]
