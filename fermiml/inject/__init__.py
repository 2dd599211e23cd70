"""Artificial sources in the user's own data."""
