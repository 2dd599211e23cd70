"""The observed counts and their selection, cut into patches for the networks."""
