"""How often chance makes an excess on a sky where nothing varies, measured on simulated ones.

The table is made by benchmarks/time/transients.py; docs/transients.md says how.
"""

from dataclasses import dataclass
from importlib import resources

import numpy as np

from fermiml.sky.times import DAY
from fermiml.yamlfile import read_yaml

DEFAULT_RATE = 1e-4  # per deg2 and year: 0.1 in 10 x 10 deg and ten years
_AT = 25.0  # test statistic at which the rates are tabulated


@dataclass(frozen=True)
class FalseAlarms:
    """Rates of windows of one length whose excess has at least some test statistic.

    ln(rate) = level - shortness ln(length / 1 d) - slope (TS - 25); rates per deg2 and year.
    """

    level: float
    shortness: float
    slope: float

    @classmethod
    def load(cls):
        """Read the rates that come with fermiml."""
        with resources.as_file(resources.files("fermiml.data") / "transients.yaml") as path:
            fit = read_yaml(path)["fit"]
        return cls(**{name: float(fit[name]) for name in ("level", "shortness", "slope")})

    def ln_rate(self, length, ts):
        """Compute the logarithm of the rate for windows of a length (s)."""
        days = np.asarray(length) / DAY
        return self.level - self.shortness * np.log(days) - self.slope * (ts - _AT)

    def least(self, length, rate):
        """Compute the test statistic that has a rate."""
        days = np.asarray(length) / DAY
        return _AT + (self.level - self.shortness * np.log(days) - np.log(rate)) / self.slope
