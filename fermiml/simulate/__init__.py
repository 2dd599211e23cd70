"""Skies with known truth: sources, diffuse emission, and their observation by the LAT."""
