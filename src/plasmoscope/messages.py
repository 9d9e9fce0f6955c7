"""Sentences that are written once, in English, and translated only where a page shows them."""


def mark(message: str) -> str:
    """Have a message in the pages' catalogues; ``%%`` stands for a percent sign where values are put in."""
    return message


RESEARCH_USE = mark("For research use only; not a medical device. A qualified microscopist must confirm every result.")
NOT_A_DEVICE = RESEARCH_USE.partition(" A ")[0]
"""The same in short."""
