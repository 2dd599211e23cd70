"""Compact LAT response tables; see docs/response.md and fermiml.response.caldb."""
