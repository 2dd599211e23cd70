"""Extended sources: groups of candidates that trace one object become one source with an extent.

The fit of position, radius and form is that of photometry, a Poisson fit with neighbours and a free
smooth background.
"""
