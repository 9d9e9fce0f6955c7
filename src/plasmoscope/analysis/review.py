"""Which cells of a slide a person looks at, the most telling first, and what a random few of the rest tell of it all.

The order rests on the program's own findings alone, so that it stays while people call cells: those called infected,
then what it is uncertain of, then those not called but nearest to it, then a sample drawn at random from the rest. Of
the infected cells in the rest, which nobody looks at, the sample tells how many there may be.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from plasmoscope.analysis.results import Field, Interval, Review

Reason = Literal["called", "uncertain", "near", "sample"]
"""Why a cell is looked at."""

REASONS: tuple[Reason, ...] = ("called", "uncertain", "near", "sample")
SAMPLE = 100
"""Cells drawn at random from the rest. Without a miss among so many, at most 3.6 % of the rest are missed."""
# Nearest to the threshold are cells from this share of it on; as shipped, those that are as likely infected as not.
_NEAR = 0.5
_TAIL = 0.025
UNINFECTED, INFECTED, UNCERTAIN = range(3)  # calls, as ``pack_judged`` writes them
_JUDGED = np.dtype([("number", "<u4"), ("call", "u1"), ("probability", "<f8")])


class JudgedField(NamedTuple):
    """What the program said of the cells of one counted field."""

    field_id: int
    cells: bytes
    """As ``pack_judged`` gives them."""
    screening: float | None
    threshold: float


class Due(NamedTuple):
    """A cell to look at."""

    field_id: int
    number: int
    reason: Reason
    probability: float | None
    """P(parasitized)."""


class Queue(NamedTuple):
    """The cells to look at, and those that are left."""

    due: tuple[Due, ...]
    """Called, uncertain and near ones, the likeliest infected first, and the sample in the order of its drawing."""
    rest: dict[int, NDArray[np.uint32]]
    """Numbers of all cells that the sample was drawn from, by field; each of shape (n,)."""


def pack_judged(field: Field) -> bytes:
    """The whole cells that the program called, or is uncertain of, in a few bytes each.

    Many fields of such are read at once, where reading the fields themselves would take seconds.
    """
    rows = [
        (cell.number, UNCERTAIN if cell.kind == "not_a_cell" else int(bool(cell.parasitized)), _known(probability))
        for cell in field.cells
        for probability in [cell.parasitized_probability]
        if cell.kind == "not_a_cell" or (cell.counted and cell.parasitized is not None)
    ]
    return np.array(rows, _JUDGED).tobytes()


def judged_cells(packed: bytes) -> NDArray[np.void]:
    """What ``pack_judged`` packed: ``number``, ``call``, and ``probability`` (NaN where there is none) of each cell."""
    return np.frombuffer(packed, _JUDGED)


def queue_of(fields: Sequence[JudgedField], seed: int) -> Queue:
    """The cells of a slide to look at.

    Args:
        seed: of the sample: the slide's number. The same fields give the same sample, and another field changes no more
            of it than its own cells take.
    """
    due: dict[Reason, list[Due]] = {reason: [] for reason in REASONS}
    tickets: list[NDArray[np.float64]] = []
    drawn: list[NDArray[np.void]] = []
    rest: dict[int, NDArray[np.uint32]] = {}
    for field in fields:
        cells = judged_cells(field.cells)
        least = min(_NEAR * field.threshold, 1.0 if field.screening is None else field.screening)
        near = (cells["call"] == UNINFECTED) & (cells["probability"] >= least)
        others = cells[(cells["call"] == UNINFECTED) & ~near]
        chosen: dict[Reason, NDArray[np.bool_]] = {
            "called": cells["call"] == INFECTED,
            "uncertain": cells["call"] == UNCERTAIN,
            "near": near,
        }
        for reason, these in chosen.items():
            due[reason] += _due(field.field_id, cells[these], reason)
        rest[field.field_id] = others["number"]
        # A number of its own for every cell: the sample are the smallest, wherever they lie.
        given = np.random.default_rng((seed, field.field_id)).random(int(cells["number"].max(initial=0)) + 1)
        tickets.append(given[others["number"]])
        drawn.append(others)
    for found in due.values():
        found.sort(key=lambda one: -(one.probability or 0))
    due["sample"] = _sample(list(rest), tickets, drawn)
    return Queue(tuple(one for reason in REASONS for one in due[reason]), rest)


def clopper_pearson(found: int, looked_at: int) -> Interval:
    """Share with its exact 95 % interval (Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404).

    Args:
        looked_at: at least 1.
    """
    low = 0.0 if found == 0 else float(betaincinv(found, looked_at - found + 1, _TAIL))
    high = 1.0 if found == looked_at else float(betaincinv(found + 1, looked_at - found, 1 - _TAIL))
    return Interval(value=found / looked_at, low=low, high=high)


def review_of(
    due: Counter[Reason], looked_at: Counter[Reason], sample_infected: int, rest: int, not_looked_at: int
) -> Review:
    """What people have looked at, in numbers.

    Args:
        due: cells to look at.
        looked_at: of these.
        sample_infected: cells of the sample that were looked at and called infected.
        rest: cells that the sample was drawn from.
        not_looked_at: of these.
    """
    misses = None
    if looked_at["sample"]:
        misses = clopper_pearson(sample_infected, looked_at["sample"]).scaled(not_looked_at)
    return Review(
        called=due["called"],
        called_looked_at=looked_at["called"],
        uncertain=due["uncertain"],
        uncertain_looked_at=looked_at["uncertain"],
        near=due["near"],
        near_looked_at=looked_at["near"],
        sample=due["sample"],
        sample_looked_at=looked_at["sample"],
        sample_infected=sample_infected,
        rest=rest,
        not_looked_at=not_looked_at,
        misses=misses,
    )


def _sample(
    field_ids: Sequence[int], tickets: Sequence[NDArray[np.float64]], cells: Sequence[NDArray[np.void]]
) -> list[Due]:
    """The cells with the smallest tickets of all fields, in their order; only these become more than numbers."""
    if not cells:
        return []
    first = np.argsort(np.concatenate(tickets))[:SAMPLE]
    owners, pool = np.repeat(field_ids, list(map(len, cells))), np.concatenate(cells)
    return [_due(int(owners[place]), pool[place : place + 1], "sample")[0] for place in first]


def _due(field_id: int, cells: NDArray[np.void], reason: Reason) -> list[Due]:
    numbers, probabilities = cells["number"].tolist(), cells["probability"].tolist()
    return [
        Due(field_id, number, reason, None if np.isnan(probability) else probability)
        for number, probability in zip(numbers, probabilities, strict=True)
    ]


def _known(probability: float | None) -> float:
    return np.nan if probability is None else probability
