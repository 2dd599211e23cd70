"""Skies with known truth: sources, diffuse emission, and what the LAT sees of them."""
