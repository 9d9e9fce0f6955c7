"""Days that something was done on."""

from datetime import date

from plasmoscope.store.errors import StoreError
from plasmoscope.store.records import now


def today() -> date:
    """The day on this computer's calendar."""
    return now().astimezone().date()


def past_day(day: date) -> date:
    """A day on which something was done.

    Raises:
        StoreError: it is yet to come.
    """
    if day > today():
        raise StoreError("day_to_come", day=day.isoformat())
    return day
