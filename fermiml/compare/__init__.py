"""A network and traditional detection on the same data."""
