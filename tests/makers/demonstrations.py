"""The field of `fermiml demo`, made smaller."""

DEMO = {
    "seed": 2,
    "sky": {"centers": [[30, 58]], "width": 6},
    "energy": {"min": 1000, "max": 1e6, "bins_per_decade": 3},
    "observation": {"events": True},
    "population": {"spectra": "parametric"},
    "wrong": {"model": "embedded"},
}
