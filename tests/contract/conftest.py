import ctypes

import pytest

from contract import native


@pytest.fixture(scope="session")
def library() -> ctypes.CDLL:
    if (loaded := native.load()) is None:
        pytest.skip("native.c is not compiled here: run 'make native'")
    return loaded
