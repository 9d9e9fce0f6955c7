"""Which codes of patients look alike: those with one skeleton, as Unicode's report 39 calls it."""

import unicodedata

# Drawn alike in most typefaces: Cyrillic and Greek capitals, and digits, as the Latin letters in small.
_DRAWN_ALIKE = str.maketrans(
    "авекмнорстухіјѕ" + "αβεηικμνορτυχ",
    "abekmhopctyxijs" + "abehikmnoptyx",
)
_LETTERS_LIKE_DIGITS = str.maketrans("oil", "011")
_ACCENTS = range(0x0300, 0x0370)
# Separators, punctuation, symbols, and what cannot be seen. Vowel signs of Indian and Thai scripts are none of these.
_BETWEEN = frozenset("ZPSC")


def skeleton(code: str) -> str:
    """What is left of a code without that by which people write one code in several ways.

    Letters in capitals or not, accents, blanks, hyphens and other signs, zeros before a number, and letters that look
    like others or like digits (0 and O; 1, I and l) make no difference; nor does the order of words where there is no
    digit.
    """
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", code).casefold())
        if ord(letter) not in _ACCENTS
    ).translate(_DRAWN_ALIKE)
    words = "".join(" " if unicodedata.category(letter)[0] in _BETWEEN else letter for letter in plain).split()
    if not any(letter.isdigit() for letter in plain):
        words.sort()
    # A code of signs alone is like none but itself.
    return "".join(_without_leading_zeros(word.translate(_LETTERS_LIKE_DIGITS)) for word in words) or code


def _without_leading_zeros(word: str) -> str:
    kept = ""
    for place, sign in enumerate(word):
        within_number = place > 0 and word[place - 1].isdigit() and kept[-1:].isdigit()
        number_goes_on = word[place + 1 : place + 2].isdigit()
        if sign == "0" and not within_number and number_goes_on:
            continue
        kept += sign
    return kept
