"""Figures with matplotlib: functions that take an Axes (or make one) and return it."""
