"""How wrong exposure is that is taken to go with good time, by the length of intervals.

    PYTHONPATH=tests python benchmarks/time/exposure_by_good_time.py

A spacecraft file of 3 precessions of the orbit is made (rocking survey of +-50 deg, South Atlantic
Anomaly, zenith cut of 90 deg), and the exposure of each interval from it is compared with the one
that its good time says, at 40 directions spread over the sky and 1 GeV.
"""

import numpy as np
from astropy.coordinates import SkyCoord
from makers import orbit

from fermiml.response.installed import load_response
from fermiml.sky.pointings import PointedExposure, Pointings
from fermiml.sky.sphere import unit_vectors
from fermiml.sky.times import DAY, TimeBins

WIDTHS = (0.5, 1, 3, 7, 14, 30, 45, 53.4, 60, 80)  # days
DAYS = 3 * 53.4
DIRECTIONS = 40


def main():
    columns = orbit.pointings(DAYS)
    gti = orbit.gti(columns)
    vectors = {of: unit_vectors(columns[f"RA_{of}"], columns[f"DEC_{of}"]).astype(np.float32)
               for of in ("SCZ", "ZENITH")}  # fmt: skip
    rows = Pointings(columns["START"], columns["STOP"], columns["LIVETIME"], vectors["SCZ"],
                     vectors["ZENITH"])  # fmt: skip
    number = np.arange(DIRECTIONS) + 0.5
    dec = np.degrees(np.arcsin(1 - 2 * number / DIRECTIONS))
    position = SkyCoord(number * 137.508 % 360, dec, unit="deg")
    response = load_response("P8R3_SOURCE_V3", 3)
    print("days    rms   largest (%), over directions and intervals")
    for width in WIDTHS:
        edges = orbit.START + width * DAY * np.arange(int(DAYS / width + 1e-6) + 1)
        bins = TimeBins.of(edges, gti)
        exposure = PointedExposure(rows.within(gti), edges, 90.0)
        seen = exposure.fractions(position, [1e3], response)[:, 0]
        ratio = seen / bins.fractions[:, None]
        ratio /= seen.sum(axis=0) / bins.fractions.sum()
        print(f"{width:5g}  {100 * ratio.std():5.1f}  {100 * np.abs(ratio - 1).max():6.1f}")


if __name__ == "__main__":
    main()
