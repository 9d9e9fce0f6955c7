"""How well a person or a program reads slides of known truth, as the WHO's external assessment scores it.

Three things are told apart: whether parasites were seen, of which species, and how many. Levels and limits are those of
the WHO's Malaria Microscopy Quality Assurance Manual (version 2, 2016). A count is right within 25 % of the truth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plasmoscope.analysis.counting import wilson
from plasmoscope.analysis.results import Interval

COUNT_WITHIN = 0.25
"""Share of the true count by which one may be off."""
# Percent of slides that must be right for levels 1, 2 and 3.
_DETECTION, _SPECIES, _COUNTS = (90, 80, 70), (90, 80, 70), (50, 40, 30)
LOWEST_LEVEL = 4
"""Of who reaches none of the three."""


@dataclass(frozen=True)
class Truth:
    """What a slide is known to hold."""

    positive: bool
    species: frozenset[str] = frozenset()
    """Empty where it is not known, or not asked for."""
    count: float | None = None
    """In any unit, as the reader's; None where counts are not asked for."""


@dataclass(frozen=True)
class Answer:
    """What a reader made of a slide."""

    positive: bool
    species: frozenset[str] = frozenset()
    count: float | None = None


@dataclass(frozen=True)
class Part:
    """Slides read rightly, of those that ask for it."""

    right: int
    slides: int

    @property
    def percent(self) -> Interval | None:
        """With the Wilson interval, which ten slides leave wide; None of none."""
        return wilson(self.right, self.slides).scaled(100) if self.slides else None


@dataclass(frozen=True)
class Judged:
    """What of one answer is right; None where it was not asked for."""

    detection: bool
    species: bool | None
    count: bool | None


@dataclass(frozen=True)
class Competence:
    """What a reader's answers to a panel come to."""

    detection: Part
    sensitivity: Part
    """Of the slides with parasites."""
    specificity: Part
    """Of those without."""
    species: Part
    """Of the slides whose species are known: all must be named, and no other. A slide that was missed is wrong."""
    counts: Part
    """Of the slides whose count is known; one without a count is wrong."""

    @property
    def level(self) -> int | None:
        """1, the best, to 4: the lowest of what was asked for. None where no slide was read."""
        levels = [
            _level(part, limits)
            for part, limits in ((self.detection, _DETECTION), (self.species, _SPECIES), (self.counts, _COUNTS))
            if part.slides
        ]
        return max(levels) if levels else None

    @property
    def complete(self) -> bool:
        """Whether all three were asked for, so that the level is one that the WHO's scheme would give."""
        return bool(self.detection.slides and self.species.slides and self.counts.slides)


def judge(truth: Truth, answer: Answer) -> Judged:
    """What of an answer is right.

    >>> judge(Truth(True, count=200), Answer(True, count=250))
    Judged(detection=True, species=None, count=True)
    """
    species = count = None
    if truth.positive and truth.species:
        species = answer.positive and answer.species == truth.species
    if truth.positive and truth.count:
        count = answer.count is not None and abs(answer.count - truth.count) <= COUNT_WITHIN * truth.count
    return Judged(answer.positive == truth.positive, species, count)


def competence(read: Sequence[tuple[Truth, Answer]], *, names_species: bool = True) -> Competence:
    """Score the slides of a panel that were read.

    Args:
        names_species: whether the reader names species at all; a program that does not is not asked for any.
    """
    judged = [(truth, judge(truth, answer)) for truth, answer in read]
    return Competence(
        detection=_part(one.detection for _, one in judged),
        sensitivity=_part(one.detection for truth, one in judged if truth.positive),
        specificity=_part(one.detection for truth, one in judged if not truth.positive),
        species=_part(one.species for _, one in judged if names_species and one.species is not None),
        counts=_part(one.count for _, one in judged if one.count is not None),
    )


def _part(right: Iterable[bool]) -> Part:
    each = list(right)
    return Part(sum(each), len(each))


def _level(part: Part, limits: tuple[int, int, int]) -> int:
    # In whole numbers: 9 of 10 are 90 %, whatever a quotient's last digit says.
    reached = [level for level, least in enumerate(limits, start=1) if 100 * part.right >= least * part.slides]
    return min(reached, default=LOWEST_LEVEL)
