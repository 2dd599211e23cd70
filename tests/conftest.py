"""Shared fixtures."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def latdata():
    """Folder of real LAT files, named by FERMIML_TEST_DATA; the test skips without it."""
    folder = os.environ.get("FERMIML_TEST_DATA")
    if not folder:
        pytest.skip("FERMIML_TEST_DATA is not set")
    if not Path(folder).is_dir():
        pytest.fail(f"FERMIML_TEST_DATA={folder} is no folder")
    return Path(folder)
