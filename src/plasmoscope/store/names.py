"""Names that people would take for each other."""

import unicodedata


def alike(name: str) -> str:
    """The same for names that look the same: without capitals, other forms of letters, and signs that show nothing."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(sign for sign in folded if unicodedata.category(sign) != "Cf").split())
