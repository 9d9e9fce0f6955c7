"""Text that other programs' formats can hold: one line, and no character that XML, FHIR or HL7 forbid."""

import unicodedata

# Control characters, halves of surrogate pairs, and what Unicode has assigned to nothing.
_UNFIT = frozenset({"Cc", "Cs", "Cn"})


def plain_text(text: str) -> str:
    r"""The text on one line, a blank in place of what is no character of a text.

    >>> plain_text("A-17\x00\r\n  left ")
    'A-17 left'
    """
    fit = (" " if unicodedata.category(sign) in _UNFIT else sign for sign in text)
    return " ".join("".join(fit).split())
