"""How the trainer's tests run beside the others."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def _last_in_line() -> None:
    """In a process of their own they take what the others leave of the processors, as some of those keep time."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.nice(10)
