"""Sources that shine once: flares of blazars too faint to be seen otherwise, novae, the Sun.

Fluences are photons per cm2 from 1 to 100 GeV. Whatever the mean over all years shows of a source,
it has no other counterpart.
"""

from dataclasses import dataclass

import numpy as np

from fermiml.errors import InputError
from fermiml.fitsmaps import image_geom
from fermiml.model.observation import Pixels
from fermiml.model.sources import Shapes, Sources, concatenate
from fermiml.simulate.event_list import within_pixels
from fermiml.simulate.populations import parametric_shapes
from fermiml.simulate.time_profiles import TimeProfile, even_times
from fermiml.sky.times import DAY
from fermiml.time.sun_moon import body_positions

_HOUR = 3600.0
_BINS = 200  # of a profile
_TRIALS = 20_000  # times at which the Sun is looked for
_TAILS = 5.0  # rise and decay times that a profile reaches to


@dataclass(frozen=True)
class Outburst:
    """Laws of a kind: an exponential rise and decay, each range log-uniform."""

    setting: str  # of the population, how many there are
    class1: str
    rise: tuple  # s
    decay: tuple
    fluence: tuple  # ph cm-2, 1-100 GeV
    shape: tuple | None = None  # of `Shapes`; of FSRQs without

    def draw_profile(self, rng, gti, peak, kind):
        """Draw a profile that has its peak at a time."""
        rise, decay = _log_uniform(rng, self.rise), _log_uniform(rng, self.decay)
        edges = peak + np.linspace(-_TAILS * rise, _TAILS * decay, _BINS + 1)
        after = (edges[1:] + edges[:-1]) / 2 - peak
        return TimeProfile.of(edges, np.exp(np.where(after < 0, after / rise, -after / decay)),
                              gti, kind)  # fmt: skip

    def draw_shape(self, rng):
        """Draw the shape of a spectrum."""
        if self.shape is None:
            shapes = parametric_shapes()["fsrq"]
            return shapes[rng.integers(len(shapes), size=1)]
        return Shapes(*(np.array([value]) for value in self.shape))


# A power law of index G with an exponential cutoff at E_c has, at a pivot of 1 GeV,
# the index G + 1 GeV / E_c, the curvature 1 GeV / E_c and the exp_index 1.
KINDS = {
    "flare": Outburst("flares", "fsrq", (0.5 * DAY, 20 * DAY), (0.5 * DAY, 20 * DAY), (5e-3, 0.2)),
    # about two weeks in all; index 1.8 and cutoff 2.5 GeV
    "nova": Outburst("novae", "nov", (0.5 * DAY, 2 * DAY), (4 * DAY, 8 * DAY), (1e-2, 0.1),
                     (1e3, 2.2, 0.4, 1.0)),
    # a few hours; index 2.2 and cutoff 1 GeV
    "sun": Outburst("sun_flares", "sun", (0.3 * _HOUR, _HOUR), (1 * _HOUR, 3 * _HOUR), (2e-2, 0.2),
                    (1e3, 3.2, 1.0, 1.0)),
}  # fmt: skip


def draw(population, geom, gti, rng):
    """Draw the outbursts that the settings of a population ask for: (sources, time profiles)."""
    numbers = {kind: int(population[law.setting]) for kind, law in KINDS.items()}
    if not any(numbers.values()):
        return Sources.empty(), []
    pixels = Pixels(image_geom(geom))
    drawn = [
        _draw_one(kind, time, pixels, gti, rng)
        for kind, number in numbers.items()
        for time in _peak_times(kind, pixels, gti, number, rng)
    ]
    return concatenate([source for source, _ in drawn]), [profile for _, profile in drawn]


def _draw_one(kind, peak, pixels, gti, rng):
    """Draw an outburst with its peak at a time: (`Sources` of one, its profile)."""
    law = KINDS[kind]
    profile = law.draw_profile(rng, gti, peak, kind)
    place = (body_positions("sun", [peak]) if kind == "sun" else _place(pixels, rng)).galactic
    mean = _log_uniform(rng, law.fluence) / profile.fluence
    shape = law.draw_shape(rng)
    return Sources.points(place.l.deg, place.b.deg, np.array([mean]), shape, law.class1), profile


def _log_uniform(rng, limits):
    return np.exp(rng.uniform(*np.log(limits)))


def _place(pixels, rng):
    """Draw a position in the field."""
    pixel = rng.choice(len(pixels.area), 1, p=pixels.area / pixels.area.sum())
    return within_pixels(pixels.geom, pixel, rng)


def _peak_times(kind, pixels, gti, number, rng):
    """Draw good times; for the Sun, those at which it is in the field."""
    if kind != "sun" or not number:
        return even_times(rng, number, gti)
    times = even_times(rng, _TRIALS, gti)
    times = times[np.ravel(pixels.geom.contains(body_positions("sun", times)))]
    if not len(times):
        raise InputError("population.sun_flares: the Sun is not in the field in good time")
    return rng.choice(times, number)
