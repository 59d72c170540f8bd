"""These tests run over both databases."""

import pytest


@pytest.fixture
def database(each_database: str) -> str:
    return each_database
