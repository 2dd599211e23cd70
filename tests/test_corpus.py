"""What once failed is refused in one line that names the file, at once and in little memory."""

import pytest
from makers.corpus import CASES

from fermiml import InputError


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_once_failed(case, tmp_path):
    path = tmp_path / case.name
    case.write(path)
    with pytest.raises(InputError, match=case.message) as error:
        case.read(path)
    assert "\n" not in str(error.value)
    assert case.name in str(error.value) or case.name == "irf"
