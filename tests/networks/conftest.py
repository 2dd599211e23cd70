"""What the tests of networks share."""

import pytest
from makers.trainingfields import write_fields


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    """A folder with two training fields."""
    return write_fields(tmp_path_factory.mktemp("fields"))
