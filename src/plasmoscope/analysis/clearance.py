"""How parasites leave a patient's blood after treatment: what is left of them at each visit, and since when no more.

Day 0 is that of the first dose. Parasites that are still seen on day 3 are what the World Health Organization's report
on antimalarial drug efficacy (2020) watches for, as a sign of partial resistance to artemisinins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

LONGEST_DAYS = 42
"""A follow-up lasts 28 or 42 days; what comes later is another illness."""
_WATCHED_DAY = 3  # parasites on it tell of slow clearance (WHO, partial resistance to artemisinin)


@dataclass(frozen=True)
class Seen:
    """One slide of a patient."""

    taken_on: date
    visit_day: int | None
    """As people gave it."""
    share: float | None
    """Parasitaemia, 0 to 1: of one person's count, or the final one of several readers; None without a counted cell."""


@dataclass(frozen=True)
class Visit:
    """One slide within its follow-up."""

    day: int
    """From day 0: as people gave it, or else by the dates."""
    left: float | None
    """The parasitaemia as a share of the follow-up's first; None without a counted cell, or where none was infected."""


@dataclass(frozen=True)
class Clearance:
    """The last follow-up."""

    clear_from: int | None
    """The day from which on no counted cell is infected; None where the last has some, or none had any before."""
    found_on_watched_day: bool | None
    """Whether infected cells were found on day 3; None without a slide of that day."""


def follow_up(slides: Sequence[Seen]) -> list[Visit]:
    """The visits of a patient; an earlier day than the one before, or a slide after six weeks, begins anew.

    Args:
        slides: in the order in which they were made.
    """
    return [visit for visits in _follow_ups(slides) for visit, _ in visits]


def clearance(slides: Sequence[Seen]) -> Clearance | None:
    """What became of the parasites in the last follow-up; None where it has one slide, or no infected cell.

    Args:
        slides: as for ``follow_up``.
    """
    last = [(visit, seen) for visit, seen in (_follow_ups(slides) or [[]])[-1] if seen.share is not None]
    positive = [place for place, (_, seen) in enumerate(last) if seen.share]
    if len(last) < 2 or not positive:
        return None
    after = last[positive[-1] + 1 :]
    watched = [bool(seen.share) for visit, seen in last if visit.day == _WATCHED_DAY]
    return Clearance(after[0][0].day if after else None, any(watched) if watched else None)


def _follow_ups(slides: Sequence[Seen]) -> list[list[tuple[Visit, Seen]]]:
    found: list[list[tuple[Visit, Seen]]] = []
    begun, first_share, day = date.min, None, -1
    for seen in slides:
        given = seen.visit_day
        anew = given is not None and (given < day or (given == 0 and seen.taken_on != begun))
        if not found or anew or seen.taken_on > begun + timedelta(LONGEST_DAYS):
            begun = seen.taken_on - timedelta(given or 0)
            found.append([])
            first_share = None
        day = (seen.taken_on - begun).days if given is None else given
        if first_share is None and seen.share:
            first_share = seen.share
        left = None if seen.share is None or first_share is None else seen.share / first_share
        found[-1].append((Visit(day, left), seen))
    return found
