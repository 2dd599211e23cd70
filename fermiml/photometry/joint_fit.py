"""Groups, spectra and positions, fitted in turn until the positions no longer move."""

from dataclasses import dataclass

import numpy as np

from fermiml.photometry import localization, spectral_fit
from fermiml.photometry.curves import Curves, all_curves
from fermiml.photometry.group_fit import GroupFit
from fermiml.photometry.scatter import probes, scatter

REFERENCE = 2000.0  # MeV
_MOVES = 8  # times that the positions are improved, at most
_LOOK = 1  # moves after which the sky between the sources is looked at
_INFORMED = 1, 4  # moves after which the information on positions is computed
_ENOUGH = 1.0, 0.3, 0.02  # gain of log-likelihood after which the fits after each move are done
_SETTLED = 2  # moves after which the information of the groups changes little
_INDEX = 2.2  # of sources of which nothing is known yet


@dataclass(frozen=True)
class JointFit:
    """The fits of all groups with sources at some positions, and the spectra that follow."""

    fits: list
    extra: list  # variance of the amplitudes beyond Poisson noise: (source,) of each group
    curves: Curves
    spectra: spectral_fit.Spectra

    @classmethod
    def of(cls, fits, extra, folding, start=None):
        """Fit spectra to fitted groups, from spectra at the `start`."""
        curves = all_curves(fits, extra)
        return cls(fits, extra, curves, spectral_fit.fit(curves, folding, REFERENCE, start))

    @property
    def index(self):
        """Photon index of each source."""
        return self.spectra.parameters[:, 1]

    @property
    def weighted(self):
        """Each group's fit, expected counts of the sources, and their `trust`: the fraction of the
        information on an amplitude that is left by variance beyond Poisson noise."""
        trust = [1 / (1 + f.profile_information * e)
                 for f, e in zip(self.fits, self.extra, strict=True)]  # fmt: skip
        return list(zip(self.fits, self.spectra.counts.T, trust, strict=True))


def fit_jointly(fields, region, folding, walk):
    """Return the `JointFit` at the end of a `Walk`."""
    nothing = np.zeros(len(walk.shift))
    fits = [GroupFit(f, f.templates(walk.shift, nothing + _INDEX)) for f in fields]
    for fit in fits:
        fit.maximise(_ENOUGH[0])
        fit.renew_information()
    now = JointFit.of(fits, [nothing] * len(fits), folding)
    inverse, move = localization.rough_inverse(now.weighted), 0
    while move < _MOVES and not (move > _LOOK and walk.arrived):
        if move in _INFORMED:
            inverse, _ = localization.information(now.weighted)
        move += 1
        walk.go_on(localization.gradient(now.weighted), inverse)
        now = _moved(now, walk, move, folding, region)
    for fit in now.fits:
        fit.renew_information()
    return JointFit.of(now.fits, now.extra, folding, now.spectra.parameters)


def _moved(before, walk, move, folding, region):
    """Return the fit after a move."""
    fits = [GroupFit(f.field, f.field.templates(walk.shift, before.index), f) for f in before.fits]
    for fit in fits:
        fit.maximise(_ENOUGH[min(move, len(_ENOUGH) - 1)])
        if move < _SETTLED:
            fit.renew_information()
    extra = before.extra
    if move == _LOOK:
        extra = [scatter(fit, probes(fit.field, region), walk.vectors) for fit in fits]
    return JointFit.of(fits, extra, folding, before.spectra.parameters)
