"""A likelihood for sources: TS, positions, spectra."""
