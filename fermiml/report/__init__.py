"""Reports: one self-contained HTML page of a catalog, and the folder of a comparison."""
