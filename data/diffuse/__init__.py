"""Coarse derived diffuse models, not for publication; see fermiml.simulate.embed."""
