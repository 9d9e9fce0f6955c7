"""Days that something was done on."""

from datetime import UTC, date, timedelta

from plasmoscope.store.errors import StoreError
from plasmoscope.store.records import now

# Where the day begins first. A server may live by another time than the people at the microscope, as in a container.
_FIRST_TIME_ZONE = timedelta(hours=14)


def today() -> date:
    """The day on this computer's calendar."""
    return now().astimezone().date()


def is_to_come(day: date) -> bool:
    """Whether a day has not begun anywhere on Earth."""
    return day > (now().astimezone(UTC) + _FIRST_TIME_ZONE).date()


def past_day(day: date) -> date:
    """A day on which something was done.

    Raises:
        StoreError: it is yet to come.
    """
    if is_to_come(day):
        raise StoreError("day_to_come", day=day.isoformat())
    return day
