"""Recipes of the architectures that are compared in docs/architectures.md."""
