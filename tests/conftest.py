"""Shared fixtures. Real data are reached through two environment variables only."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with local copies of the real data, or a skip; a failure where they are required."""
    folder = os.environ.get("UNLEARNKIT_DATA")
    if folder and Path(folder).is_dir():
        return Path(folder)
    message = "UNLEARNKIT_DATA does not name a folder with the real data"
    if os.environ.get("UNLEARNKIT_REQUIRE_DATA") == "1":
        pytest.fail(message)
    pytest.skip(message)
