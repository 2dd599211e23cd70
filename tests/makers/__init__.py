"""Small data made in memory or on disk, shared by the tests."""
