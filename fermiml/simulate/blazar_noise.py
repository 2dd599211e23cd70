"""Active galaxies that vary: power-law noise, as strong as the yearly fluxes of 4FGL-DR4 show.

The logarithm of a flux is Gaussian noise (Timmer & Koenig 1995), scaled so that the yearly fluxes
have a Frac_Variability drawn from the distribution of the class. Pulsars, and classes that are not
named here, are steady.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from fermiml.simulate.time_profiles import TimeProfile
from fermiml.sky.times import DAY, YEAR
from fermiml.time.class_odds import FRAC_VARIABILITY

STEP = 3 * DAY  # in which the flux is constant
YEARS = 14  # that Frac_Variability of 4FGL-DR4 is about
_STRONGEST = 5.0  # standard deviation of ln flux: a few bins then have all of the fluence
_LEAK = 4  # how much longer than seen the noise is: it varies on longer times, too


@dataclass(frozen=True)
class Variability:
    """Log-normal distribution of Frac_Variability of a class."""

    median: float
    width: float  # standard deviation of its logarithm
    slope: float  # of the power spectrum of ln flux, frequency^-slope

    def draw(self, rng, gti):
        """Draw the profile of a source."""
        fraction = self.median * np.exp(self.width * rng.normal())
        seen = gti[-1, 1] - gti[0, 0]
        years = max(YEARS, int(np.ceil(seen / YEAR)))
        noise = power_law_noise(rng, int(np.ceil(years * YEAR / STEP)), self.slope)
        flux = np.exp(_strength(noise, fraction, years) * noise)
        number = max(1, int(np.ceil(seen / STEP)))
        return TimeProfile.of(gti[0, 0] + STEP * np.arange(number + 1), flux[:number], gti)


# The slopes, too, are those of 4FGL-DR4 (benchmarks/simulation/variability.py); the few bcu above
# 20 sigma do not tell theirs.
_SLOPES = {"bll": 1.0, "fsrq": 1.1, "bcu": 1.1}
NOMINAL = {name: Variability(*FRAC_VARIABILITY[name], slope) for name, slope in _SLOPES.items()}


def draw_profiles(sources, gti, rng):
    """Draw time profiles of the active galaxies among sources: number -> `TimeProfile`."""
    classes = np.char.lower(sources.class1)
    numbers = np.flatnonzero(np.isin(classes, list(NOMINAL)))
    return {int(i): NOMINAL[str(classes[i])].draw(rng, gti) for i in numbers}


def power_law_noise(rng, number, slope):
    """Draw Gaussian noise of unit variance with a power spectrum frequency^-slope."""
    length = _LEAK * number
    frequency = np.fft.rfftfreq(length)[1:]
    parts = rng.normal(size=(2, len(frequency))) * frequency ** (-slope / 2)
    noise = np.fft.irfft(np.concatenate([[0], parts[0] + 1j * parts[1]]), length)[:number]
    return (noise - noise.mean()) / noise.std()


def frac_variability(flux, years):
    """Compute the relative standard deviation of yearly fluxes."""
    starts = np.arange(years) * len(flux) // years
    yearly = np.add.reduceat(flux, starts) / np.diff([*starts, len(flux)])
    return yearly.std(ddof=1) / yearly.mean()


def _strength(noise, fraction, years):
    """Find the standard deviation of ln flux that gives a Frac_Variability, or comes closest."""

    def excess(strength):
        return frac_variability(np.exp(strength * noise), years) - fraction

    return _STRONGEST if excess(_STRONGEST) < 0 else brentq(excess, 0, _STRONGEST, xtol=1e-3)
