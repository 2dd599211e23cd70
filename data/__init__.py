"""Data installed with fermiml."""
