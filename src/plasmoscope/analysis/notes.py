"""What the readers of a slide's result are told about its fields: what was not counted, and what needs care."""

from collections.abc import Iterator, Sequence

from plasmoscope.analysis.results import Field
from plasmoscope.i18n.words import english
from plasmoscope.messages import Message, message

# Share of the objects outlined as red cells: where more are left out, something is wrong with slide or pictures. Set by
# hand.
MUCH_LEFT_OUT = 0.03


def notes_on(fields: Sequence[Field]) -> list[Message]:
    """A note on every field that was not counted, or only at the user's wish; then what is to be read with care."""
    notes = []
    for field in fields:
        if field.error:
            notes.append(message("field_unreadable", field=field.name, reason=field.error_coded or field.error))
        elif not field.accepted:
            notes.append(message("field_not_counted", field=field.name, reasons=field.objections))
        elif field.objections:
            notes.append(message("field_counted_all_the_same", field=field.name, reasons=field.objections))
    return [*notes, *notes_of_care(fields), *_notes_of_silence(fields)]


def notes_of_care(fields: Sequence[Field]) -> list[Message]:
    """A note on everything for which counted fields are to be read with care.

    What one camera does to a photograph it does to all: each warning is told once, not with every field.
    """
    counted = [field for field in fields if field.accepted]
    warnings = {english(warning): warning for field in counted for warning in field.warnings}
    return [
        _with_care(warning, [field.name for field in counted if warning in field.warnings], len(counted))
        for warning in warnings.values()
    ]


def much_left_out(not_a_cell: int, counted: int) -> bool:
    """Whether so much of what is outlined as red cells is left out that people are told to look at it."""
    return not_a_cell > MUCH_LEFT_OUT * (not_a_cell + counted)


def _notes_of_silence(fields: Sequence[Field]) -> Iterator[Message]:
    """What to make of it where much is left out of the count."""
    accepted = [field for field in fields if field.accepted]
    counted, left_out = (sum(numbers) for numbers in ([f.counted for f in accepted], [f.not_a_cell for f in accepted]))
    if much_left_out(left_out, counted):
        outlined = counted + left_out
        share = round(100 * left_out / outlined, 1)
        yield message("much_left_out", left_out=left_out, outlined=outlined, left_out_percent=share)


def _with_care(warning: Message, fields: Sequence[str], counted: int) -> Message:
    """A note on the warning of these of the counted fields."""
    if len(fields) == 1:
        return message("field_with_care", field=fields[0], warning=warning)
    if len(fields) == counted:
        return message("all_fields_with_care", counted=counted, warning=warning)
    return message("fields_with_care", fields=len(fields), counted=counted, warning=warning)
