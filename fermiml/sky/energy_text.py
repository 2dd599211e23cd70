"""Energies as a reader expects them: 100 MeV, 0.5 GeV, 1 TeV."""

_UNITS = (("TeV", 1e6), ("GeV", 1e3))
_FROM = 0.5  # of a unit: 500 MeV are 0.5 GeV, but 500 GeV are not 0.5 TeV


def energy_text(mev):
    """Format an energy (MeV) with the unit that suits it."""
    for unit, factor in _UNITS:
        if mev >= 0.9999 * factor * (_FROM if unit == "GeV" else 1):
            return f"{mev / factor:.4g} {unit}"
    return f"{mev:.4g} MeV"


def range_text(low, high):
    """Format a range of energies (MeV)."""
    return f"{energy_text(low)} - {energy_text(high)}"
