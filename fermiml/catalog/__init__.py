"""Catalogs in 4FGL columns: read, write, cross-match, export."""
