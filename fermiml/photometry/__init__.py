"""Photometry: candidates become sources with fluxes, spectra, significances and positions.

A joint Poisson fit in the data's own pixels, of all sources of a region and a free smooth
background; no model of the diffuse emission is needed.
"""
