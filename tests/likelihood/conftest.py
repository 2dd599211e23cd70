"""What the tests of the likelihood share."""

import pytest
from makers import smallskies


@pytest.fixture(scope="session")
def sources():
    return smallskies.four()
