"""Codes that one person may have been recorded under, and codes that are of two."""

import pytest

from plasmoscope.store.likeness import skeleton


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("right-1", "RIGHT-1"),
        ("P-17", "P 17"),
        ("P-17", "P17"),
        ("P-01", "P-1"),
        ("PO-1", "P0-1"),
        ("l-7", "I-7"),
        ("A-1", "\u0410-1"),
        ("José", "Jose\u0301"),
        ("José", "JOSE"),
        ("Ama Mensah", "Mensah, Ama"),
        ("\uff30\uff0d\uff11", "P-1"),
    ],
)
def test_codes_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("P-1", "P-2"),
        ("P-1", "P-10"),
        ("P-100", "P-1000"),
        ("P-0", "P-1"),
        ("A-17", "B-17"),
        ("1 P", "P 1"),
        # Vowel signs are letters to those who read them.
        ("की", "का"),
        ("--", "__"),
    ],
)
def test_codes_that_differ_have_two(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)
