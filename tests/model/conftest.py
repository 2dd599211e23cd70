"""What the tests of the forward model share."""

import pytest

from fermiml.response.installed import load_response


@pytest.fixture(scope="session")
def response():
    return load_response("P8R3_SOURCE_V3", 3)
