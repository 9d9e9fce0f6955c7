"""What the readers of a slide's result are told about its fields: what was not counted, and what needs care."""

from collections.abc import Iterator, Sequence

from plasmoscope.analysis.results import Field

# Share of the objects outlined as red cells: where more are left out, something is wrong with slide or pictures. Set by
# hand.
MUCH_LEFT_OUT = 0.03


def notes_on(fields: Sequence[Field]) -> list[str]:
    """A sentence on every field that was not counted, or only at the user's wish; then what is to be read with care."""
    notes = []
    for field in fields:
        if field.error:
            notes.append(f"{field.name} could not be read: {field.error}.")
        elif not field.accepted:
            notes.append(f"{field.name} was not counted: {'; '.join(field.objections)}.")
        elif field.objections:
            notes.append(f"{field.name} was counted at the user's wish although {'; '.join(field.objections)}.")
    return [*notes, *notes_of_care(fields), *_notes_of_silence(fields)]


def notes_of_care(fields: Sequence[Field]) -> list[str]:
    """A sentence on everything for which counted fields are to be read with care.

    What one camera does to a photograph it does to all: each warning is told once, not with every field.
    """
    counted = [field for field in fields if field.accepted]
    names: dict[str, list[str]] = {}
    for field in counted:
        for warning in field.warnings:
            names.setdefault(warning, []).append(field.name)
    return [f"{_which(warned, len(counted))} to be read with care: {warning}." for warning, warned in names.items()]


def much_left_out(not_a_cell: int, counted: int) -> bool:
    """Whether so much of what is outlined as red cells is left out that people are told to look at it."""
    return not_a_cell > MUCH_LEFT_OUT * (not_a_cell + counted)


def _notes_of_silence(fields: Sequence[Field]) -> Iterator[str]:
    """What to make of it where much is left out of the count."""
    accepted = [field for field in fields if field.accepted]
    counted, left_out = (sum(numbers) for numbers in ([f.counted for f in accepted], [f.not_a_cell for f in accepted]))
    if much_left_out(left_out, counted):
        outlined = counted + left_out
        yield (
            f"{left_out:,} of {outlined:,} objects outlined as red cells ({left_out / outlined:.1%}) are left out of "
            "the count: the model says that they are no red cells, or that it cannot tell. So many mean dirt, "
            "a poor smear or stain, or pictures unlike those that the model learnt from, and parasites may be among "
            "them: look at these objects."
        )


def _which(names: Sequence[str], counted: int) -> str:
    if len(names) == 1:
        return f"{names[0]} is"
    which = f"All {counted:,}" if len(names) == counted else f"{len(names):,} of {counted:,}"
    return f"{which} counted photographs are"
