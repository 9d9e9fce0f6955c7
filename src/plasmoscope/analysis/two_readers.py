"""Two blinded readings of a slide, the third where they disagree, and the final result.

Presence, species and count are compared each on its own. When two counts disagree is a convention, and three are in
use; which of them was used belongs beside every result. Readers' agreement over many slides is Cohen's kappa for
presence, and the differences of their counts.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plasmoscope.analysis.counting import DEFAULT_RED_CELLS, Z_95
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.i18n.words import english
from plasmoscope.messages import Message, message

Aspect = Literal["presence", "species", "count"]

# Obare's rule (in Dhorda et al. 2020): a chance below this is a disagreement, above this density (per microlitre).
_UNLIKELY, _DENSE = 0.10, 200.0
# How far beyond its mean a Poisson count is followed, in standard deviations.
_FAR = 12.0


class ReadingError(PlasmoscopeError):
    """Readings that cannot be compared."""


@dataclass(frozen=True)
class Reading:
    """What one reader counted on a slide, without knowing of the other's."""

    reader: str
    infected: int
    """Red cells with asexual parasites; a cell with two counts once."""
    counted: int
    """Red cells looked at, infected or not."""
    species: str = ""
    """Empty where the reader names none."""

    def __post_init__(self) -> None:
        if not 0 <= self.infected <= self.counted or self.counted < 1:
            raise ReadingError(f"{self.infected} infected of {self.counted} counted cells is no count.")

    @property
    def share(self) -> float:
        """Parasitaemia, 0 to 1."""
        return self.infected / self.counted

    @property
    def positive(self) -> bool:
        """Whether a parasite was seen."""
        return self.infected > 0


@dataclass(frozen=True)
class Rule:
    """When two counts are taken to disagree."""

    name: str
    disagree: Callable[[Reading, Reading, float], bool]
    """Of two positive readings; the last argument is red cells per microlitre."""

    @property
    def said(self) -> Message:
        """How a result names it."""
        return message(f"rule_{self.name.replace('-', '_')}")

    @property
    def words(self) -> str:
        """The same in English."""
        return english(self.said)


@dataclass(frozen=True)
class Settled:
    """What the readings of one slide come to."""

    disagreements: tuple[Aspect, ...]
    """Of the first two readings."""
    third_needed: bool
    """The first two disagree and there is no third reading yet: nothing is final."""
    positive: bool | None
    """None while a third reading is needed."""
    share: float | None
    """Parasitaemia, 0 to 1; None while a third reading is needed."""
    species: str
    """Empty where none was named, or where no two readers agree."""
    readers: tuple[str, ...]
    """Whose counts the share is the mean of."""
    rule: Rule

    @property
    def said(self) -> Message:
        """The final result with its rule; while a third reading is needed, that it is."""
        if self.third_needed:
            aspects = tuple(message(f"aspect_{aspect}") for aspect in self.disagreements)
            return message("readings_disagree", aspects=aspects, rule=self.rule.said)
        readings = message("three_readings" if self.disagreements else "two_readings")
        if not self.positive:
            return message("final_none", readings=readings, rule=self.rule.said)
        (one, other), share = self.readers, 100 * (self.share or 0)
        if not self.species:
            return message(
                "final_share", share_percent=share, one=one, other=other, readings=readings, rule=self.rule.said
            )
        return message(
            "final_share_of_species",
            share_percent=share,
            species=self.species,
            one=one,
            other=other,
            readings=readings,
            rule=self.rule.said,
        )

    @property
    def statement(self) -> str:
        """The result in words, with the rule."""
        if self.third_needed:
            what = " and ".join(self.disagreements)
            return f"The two readings disagree ({what}; {self.rule.words}). A third reader, blinded, decides."
        how = f"two readings, {self.rule.words}" if not self.disagreements else f"three readings, {self.rule.words}"
        if not self.positive:
            return f"No parasite seen ({how})."
        species = f", {self.species}" if self.species else ""
        return f"Parasitaemia {100 * (self.share or 0):.3g} %{species} (mean of {' and '.join(self.readers)}; {how})."


def _beyond(percent: int) -> Callable[[Reading, Reading, float], bool]:
    def disagree(first: Reading, second: Reading, _: float) -> bool:
        # Whole numbers, so that a difference of just so much is no matter of rounding.
        one, other = first.infected * second.counted, second.infected * first.counted
        return 200 * abs(one - other) > percent * (one + other)

    return disagree


def _unlikely(first: Reading, second: Reading, red_cells_per_ul: float) -> bool:
    if max(first.share, second.share) * red_cells_per_ul <= _DENSE:
        return False
    return chance_of_difference(first, second) < _UNLIKELY


def _roots_apart(limit: float) -> Callable[[Reading, Reading, float], bool]:
    def disagree(first: Reading, second: Reading, _: float) -> bool:
        # The root of a Poisson count has a variance of 1/4 whatever its mean; on equal numbers of cells this is the
        # published |sqrt(c1) - sqrt(c2)| > limit, on others what stands for it.
        apart = abs(np.sqrt(first.share) - np.sqrt(second.share))
        return bool(apart / np.sqrt(1 / first.counted + 1 / second.counted) > limit / np.sqrt(2))

    return disagree


RULES = {
    rule.name: rule
    for rule in (
        Rule("fixed-25", _beyond(25)),
        Rule("fixed-50", _beyond(50)),
        Rule("obare", _unlikely),
        Rule("alexander-95", _roots_apart(1.39)),
        Rule("alexander-90", _roots_apart(1.16)),
    )
}
"""WHO's fixed percentages (25 % in routine, 50 % in studies of drugs), Obare's (in Dhorda et al. 2020) and
Alexander et al. 2010."""


def chance_of_difference(first: Reading, second: Reading) -> float:
    """How likely two readings of one slide differ by chance as much as these, or more.

    Both counts are taken for Poisson, with the share that both readings have together.
    """
    share = (first.infected + second.infected) / (first.counted + second.counted)
    if not share:
        return 1.0
    apart = abs(first.share - second.share)
    counts, chances = _poisson(share * first.counted)
    other, other_chances = _poisson(share * second.counted)
    below = np.concatenate([[0.0], np.cumsum(other_chances)])
    # Shares that are equal but for rounding are as far apart as these.
    slack = 1e-9
    low = np.searchsorted(other, second.counted * (counts / first.counted - apart) + slack, side="right")
    high = np.searchsorted(other, second.counted * (counts / first.counted + apart) - slack, side="left")
    chance = np.where(low >= high, 1.0, below[low] + 1 - below[high])
    return float(np.clip((chances * chance).sum(), 0, 1))


def _poisson(mean: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    counts = np.arange(int(mean + _FAR * np.sqrt(mean) + _FAR) + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(counts[1:]))])
    return counts, np.exp(counts * np.log(mean) - mean - factorials)


def disagreements(
    first: Reading, second: Reading, rule: Rule, red_cells_per_ul: float = DEFAULT_RED_CELLS
) -> tuple[Aspect, ...]:
    """In what two readings of a slide disagree.

    Counts and species are compared where both readers saw parasites, species where both name one.

    Args:
        first: one reader's.
        second: the other's.
        rule: for the counts.
        red_cells_per_ul: of this patient, which a rule by density needs.
    """
    if first.positive != second.positive:
        return ("presence",)
    found: list[Aspect] = []
    if first.positive:
        if first.species and second.species and first.species != second.species:
            found.append("species")
        if rule.disagree(first, second, red_cells_per_ul):
            found.append("count")
    return tuple(found)


def check_readings(readings: Sequence[Reading]) -> None:
    """See that a slide's readings can be settled.

    Raises:
        ReadingError: not two or three readings, or two of one reader.
    """
    if len(readings) not in (2, 3):
        raise ReadingError(f"A slide is settled by two or three readings; here are {len(readings)}.")
    if len({reading.reader for reading in readings}) < len(readings):
        raise ReadingError("Each reading of a slide must be another reader's.")


def settle(readings: Sequence[Reading], rule: Rule, red_cells_per_ul: float = DEFAULT_RED_CELLS) -> Settled:
    """The final result of a slide's readings.

    Two that agree: their mean. Where they disagree, a third decides: presence and species by the majority, the count
    as the mean of the two closest of those who saw parasites. A third reading of a slide on which two agree is not
    asked for and changes nothing.

    Args:
        readings: two or three, each reader's, in the order in which they were read.
        rule: when counts disagree.
        red_cells_per_ul: of this patient.

    Raises:
        ReadingError: not two or three readings, or two of one reader.
    """
    check_readings(readings)
    apart = disagreements(readings[0], readings[1], rule, red_cells_per_ul)
    deciding = list(readings) if apart else list(readings[:2])
    if apart and len(deciding) == 2:
        return Settled(apart, True, None, None, "", (), rule)
    positive = 2 * sum(reading.positive for reading in deciding) > len(deciding)
    agreeing = [reading for reading in deciding if reading.positive == positive]
    closest = min(combinations(agreeing, 2), key=lambda pair: abs(pair[0].share - pair[1].share))
    return Settled(
        disagreements=apart,
        third_needed=False,
        positive=positive,
        share=sum(reading.share for reading in closest) / 2,
        species=_most_named(agreeing) if positive else "",
        readers=tuple(reading.reader for reading in closest),
        rule=rule,
    )


def _most_named(readings: Sequence[Reading]) -> str:
    named = Counter(reading.species for reading in readings if reading.species).most_common(2)
    if not named or (len(named) == 2 and named[0][1] == named[1][1]):
        return ""
    return named[0][0]


@dataclass(frozen=True)
class Agreement:
    """How alike two readers are over many slides."""

    slides: int
    both_positive: int
    only_first: int
    only_second: int
    both_negative: int
    kappa: float | None
    """Cohen 1960 (doi:10.1177/001316446002000104), of presence; None where both call every slide alike by chance."""
    kappa_interval: tuple[float, float] | None
    """95 % (Fleiss, Cohen & Everitt 1969)."""
    mean_difference: float | None
    """Of the parasitaemias where both saw parasites, first less second, in points of a per cent."""
    limits: tuple[float, float] | None
    """In which 95 % of such differences lie (Bland & Altman 1986); None with fewer than two of them."""
    disagreeing: int
    """Slides on which a third reader is needed."""


def agreement(
    pairs: Sequence[tuple[Reading, Reading]], rule: Rule, red_cells_per_ul: float = DEFAULT_RED_CELLS
) -> Agreement:
    """Agreement of a first and a second reader.

    Args:
        pairs: of each slide, at least one.
        rule: when counts disagree.
        red_cells_per_ul: of these patients.

    Raises:
        ReadingError: no slide.
    """
    if not pairs:
        raise ReadingError("No slide was read by two readers.")
    table = np.zeros((2, 2))
    for first, second in pairs:
        table[int(not first.positive), int(not second.positive)] += 1
    kappa, interval = cohen_kappa(table)
    apart = [100 * (a.share - b.share) for a, b in pairs if a.positive and b.positive]
    spread = Z_95 * float(np.std(apart, ddof=1)) if len(apart) > 1 else None
    mean = float(np.mean(apart)) if apart else None
    return Agreement(
        slides=len(pairs),
        both_positive=int(table[0, 0]),
        only_first=int(table[0, 1]),
        only_second=int(table[1, 0]),
        both_negative=int(table[1, 1]),
        kappa=kappa,
        kappa_interval=interval,
        mean_difference=mean,
        limits=(mean - spread, mean + spread) if mean is not None and spread is not None else None,
        disagreeing=sum(bool(disagreements(a, b, rule, red_cells_per_ul)) for a, b in pairs),
    )


def cohen_kappa(table: NDArray[np.float64]) -> tuple[float | None, tuple[float, float] | None]:
    """Kappa with its large-sample 95 % interval, from a square table of counts.

    Args:
        table: shape (k, k); rows are the first reader's calls, columns the second's.

    Returns:
        None, None where both readers call everything alike by their habits alone, so that kappa means nothing.
    """
    total = table.sum()
    shares = table / total
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, expected = float(np.trace(shares)), float(rows @ columns)
    if np.isclose(expected, 1):
        return None, None
    kappa = (observed - expected) / (1 - expected)
    along = np.diag(shares) * (1 - (rows + columns) * (1 - kappa)) ** 2
    across = shares * (columns[:, None] + rows[None, :]) ** 2 * (1 - kappa) ** 2
    np.fill_diagonal(across, 0)
    variance = (along.sum() + across.sum() - (kappa - expected * (1 - kappa)) ** 2) / (total * (1 - expected) ** 2)
    reach = Z_95 * float(np.sqrt(max(variance, 0)))
    return kappa, (max(-1.0, kappa - reach), min(1.0, kappa + reach))
