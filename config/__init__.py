"""Presets that a user copies; `fermiml.config` once installed."""
