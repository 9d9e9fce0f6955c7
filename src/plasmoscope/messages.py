"""What is said to people, without its words: a code and numbers, or a marked English message.

``plasmoscope.i18n`` has the words, in English and every other language.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Union


def mark(message: str) -> str:
    """Have a message in the catalogues; ``%%`` stands for a percent sign where values are put in."""
    return message


Value = Union[int, float, str, "Message", "tuple[Message, ...]"]
"""What a sentence names."""


@dataclass(frozen=True)
class Message:
    """A sentence as its code and what is put into it; ``plasmoscope.i18n.words`` makes the sentence of it."""

    code: str
    """A key of ``plasmoscope.i18n.sentences.SENTENCES``."""
    values: Mapping[str, Value] = field(default_factory=dict)
    """By the names that the sentence has. A name's ending tells the unit: ``_percent``, ``_per_ul`` (per microlitre),
    ``_on`` (a day as ISO 8601 writes it). Several messages are said one after the other."""


def message(code: str, /, **values: Value) -> Message:
    """A message, such as ``message("keep_counting", more=700, enough=1_000)``."""
    return Message(code, values)


def as_written(text: str) -> Message:
    """What a person wrote, or an earlier version that gave no codes: it is said as it stands."""
    return message("as_written", text=text)


def as_record(message: Message) -> dict[str, Any]:
    """Code and values as JSON, to be sent or kept; ``from_record`` reads it."""
    return asdict(message)


def from_record(record: Mapping[str, Any]) -> Message:
    """The message of a record."""
    return Message(record["code"], {name: _read(value) for name, value in record["values"].items()})


def _read(value: Any) -> Value:
    if isinstance(value, list | tuple):
        return tuple(from_record(one) for one in value)
    return from_record(value) if isinstance(value, dict) else value


RESEARCH_USE = mark("For research use only; not a medical device. A qualified microscopist must confirm every result.")
NOT_A_DEVICE = RESEARCH_USE.partition(" A ")[0]
"""The same in short."""
