"""The errors that Plasmoscope raises on purpose. Each message says what to do next."""

from typing import TYPE_CHECKING, Self

from plasmoscope.messages import Message, Value, message

if TYPE_CHECKING:
    # The command line shows its help without it.
    from pydantic import ValidationError


class PlasmoscopeError(Exception):
    """Base of all errors meant for the user to read."""


class ToldError(PlasmoscopeError):
    """An error that is told in the reader's language, and to programs by its code and values.

    Its sentence is in ``plasmoscope.i18n.error_sentences``; as text it is English.
    """

    def __init__(self, code: str, /, **values: Value) -> None:
        super().__init__(code)
        self.message = message(code, **values)

    @classmethod
    def of(cls, message: Message) -> Self:
        """The error that says so."""
        return cls(message.code, **message.values)

    def __str__(self) -> str:
        # Babel comes with it, which no command needs that goes well.
        from plasmoscope.i18n.words import english

        return english(self.message)


def first_fault(error: "ValidationError") -> str:
    """Where the first thing lies that is wrong in a file, and what it is."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the file"
    return f"{where}: {first['msg']}"
