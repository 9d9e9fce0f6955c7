"""The numbers that an Android app is checked against are those of the network that ships."""

import re
from pathlib import Path

import numpy as np
import pytest

from plasmoscope import Classifier

NOTES = Path(__file__).parents[2] / "examples" / "android" / "README.md"


def test_the_numbers_to_check_against_are_the_networks() -> None:
    y, x = np.mgrid[:48, :48]
    disc, spot = (x - 24) ** 2 + (y - 24) ** 2 <= 22**2, (x - 30) ** 2 + (y - 20) ** 2 <= 4**2
    without = np.where(disc[..., None], (200, 150, 170), 0)
    pictures = np.stack([np.where(spot[..., None], (90, 40, 120), without), without]).astype(np.uint8)
    fast = Classifier.load("fast", threads=1)
    rows = re.findall(r"^\| with.*? \| (\S+) \| (\S+) \| (\S+) \|$", NOTES.read_text("utf-8"), re.MULTILINE)
    told = np.array(rows, float)
    assert told[:, :2] == pytest.approx(fast.logits(pictures), abs=1e-3)
    assert told[:, 2] == pytest.approx(fast.predict_prepared(pictures), abs=1e-3)
