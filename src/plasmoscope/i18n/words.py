"""Sentences, numbers and dates in one language."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache, reduce
from typing import Protocol

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from plasmoscope.i18n.languages import ENGLISH, Language, catalogue
from plasmoscope.i18n.sentences import SENTENCES
from plasmoscope.messages import Message, mark

# Within a sentence, a name keeps its own direction of writing between these.
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_NO_BREAK_SPACE = "\u00a0"
_PLAIN = str.maketrans({_ISOLATE: None, _END_ISOLATE: None, _NO_BREAK_SPACE: " "})


class Estimate(Protocol):
    """An estimate and the ends of its interval."""

    @property
    def value(self) -> float:
        """The estimate."""
        ...

    @property
    def low(self) -> float:
        """The lower end."""
        ...

    @property
    def high(self) -> float:
        """The upper end."""
        ...


class Words:
    """Sentences, numbers and dates in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        # Numbers and dates are British, as the words are.
        self._locale = "en_GB" if language is ENGLISH else language.code
        self._translations = catalogue(language.code)

    def say(self, message: str, **values: object) -> str:
        """A marked message with its values put in; as in the templates, ``%%`` stands for a percent sign."""
        return self._translations.gettext(message) % values

    def tell(self, message: Message) -> str:
        """The sentence of a code, with its values as this language writes them."""
        return self.say(SENTENCES[message.code], **{name: self._put(name, one) for name, one in message.values.items()})

    def tell_in_turn(self, messages: tuple[Message, ...], written: str) -> str:
        """Their sentences, one after the other.

        Args:
            written: the same in English, which is told where an earlier version kept no codes.
        """
        return " ".join(map(self.tell, messages)) or written

    def tell_all(self, messages: tuple[Message, ...]) -> str:
        """Several as one, such as ``the cells are small; the cells lie in heaps``."""
        return self.both(*map(self.tell, messages))

    def both(self, *told: str) -> str:
        """Parts of sentences as one; empty where there are none."""
        one_and_other = mark("%(one)s; %(other)s")
        return reduce(lambda one, other: self.say(one_and_other, one=one, other=other), told) if told else ""

    def one_of(self, meanings: Mapping[str, str], key: str) -> str:
        """A translated meaning; the key itself where there is none, such as an action of a later version."""
        return self.say(meanings[key]) if key in meanings else key

    def number(self, value: float) -> str:
        """A whole number."""
        return _decimal(round(value), None, self._locale)

    def plain(self, value: float) -> str:
        """A number to six digits, as what a person entered."""
        return _decimal(value, "@#####" if value else "0", self._locale)

    def few(self, value: float) -> str:
        """An estimated number of cells, no more exact than it can be: ``0``, ``0.4``, ``27``."""
        return self.number(value) if value >= 10 or not value else _decimal(value, "0.0", self._locale)

    def points(self, value: float) -> str:
        """A change, with its sign."""
        return _decimal(value, "+0.00;-0.00", self._locale)

    def percent(self, value: float) -> str:
        """A parasitaemia in percent, to three digits: no count of cells carries more."""
        shown = _decimal(value, "@##" if value else "0", self._locale)
        return f"{shown}{_NO_BREAK_SPACE}%"

    def probability(self, value: float) -> str:
        """A share of 1, to two places."""
        return _decimal(value, "0.00", self._locale)

    def density(self, value: float) -> str:
        """Parasites per microlitre, to three digits."""
        return self.number(three_digits(value))

    def day(self, value: date) -> str:
        """A date."""
        return _day(value, self._locale)

    def moment(self, value: datetime) -> str:
        """Date and time on this machine's clock."""
        local = value.astimezone()
        return format_datetime(local, "medium", tzinfo=local.tzinfo, locale=self._locale)

    def name(self, text: str) -> str:
        """A name or code within a sentence."""
        return f"{_ISOLATE}{text}{_END_ISOLATE}"

    def span(self, interval: Estimate) -> str:
        """The interval of a parasitaemia."""
        return self.say(mark("%(low)s to %(high)s"), low=self.percent(interval.low), high=self.percent(interval.high))

    def estimate(self, interval: Estimate) -> str:
        """A parasitaemia in percent; where it is nought, the most that it may be."""
        if interval.value:
            return self.percent(interval.value)
        return self.say(mark("below %(share)s"), share=self.percent(interval.high))

    def _put(self, name: str, value: int | float | str | Message | tuple[Message, ...]) -> str:
        """A value as it stands in a sentence; the ending of its name tells its unit."""
        if isinstance(value, Message):
            return self.tell(value)
        if isinstance(value, tuple):
            return self.tell_all(value)
        if isinstance(value, str):
            return self.day(date.fromisoformat(value)) if name.endswith("_on") else self.name(value)
        if name.endswith("_percent"):
            return self.percent(value)
        if name.endswith("_per_ul"):
            return self.density(value)
        return self.number(value) if isinstance(value, int) else self.plain(value)


def three_digits(value: float) -> float:
    """A density as it is told to people: no count of cells carries more than three digits."""
    return float(f"{value:.3g}")


def without_marks(text: str) -> str:
    """A sentence for a terminal or a file of data: without the marks that only a page's or a report's layout heeds."""
    return text.translate(_PLAIN)


def english(message: Message) -> str:
    """The sentence as it is kept beside its code in files."""
    return without_marks(Words(ENGLISH).tell(message))


# Lists say the same numbers and dates over and over, and Babel takes its time for each.
@lru_cache(maxsize=10_000)
def _decimal(value: float, pattern: str | None, locale: str) -> str:
    return str(format_decimal(value, pattern, locale=locale))


@lru_cache(maxsize=10_000)
def _day(value: date, locale: str) -> str:
    return format_date(value, "medium", locale=locale)
