"""The data that lie beside the checkout where this project is developed."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared"


def shared_path(relative: str) -> Path:
    """One of these files; skips where it is missing."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"needs the shared data: {relative}")
    return path
