"""Compact LAT response tables; see docs/response.md and fermiml.sky.caldb."""
