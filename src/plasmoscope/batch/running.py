"""Doing a batch: what is not there yet of a machine's share."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from plasmoscope import __version__
from plasmoscope.batch.job import BatchError, Job, Part
from plasmoscope.batch.output import Output, output_at
from plasmoscope.batch.processes import Worked, by_one_process, by_processes
from plasmoscope.batch.ray_tasks import by_ray
from plasmoscope.batch.tables import EXTRA
from plasmoscope.extras import require_extra

_RECORD = "batch.json"
_FORMAT = 1  # version of the folder

Follow = Callable[[Iterable[Worked], Sequence[Part]], Iterable[Worked]]
"""Lets somebody watch parts pass, of all that are to be done."""


@dataclass(frozen=True)
class Shard:
    """Which parts of a batch are this machine's, of several that share it."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """From ``2/8``.

        Raises:
            ValueError: it is no such share.
        """
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise ValueError(f"'{text}' is no share of the work: write 1/4, 2/4, ... for four machines")
        return cls(int(number), int(of))

    def share(self, parts: Sequence[Part]) -> Sequence[Part]:
        """Its parts of all."""
        return parts[self.number - 1 :: self.of]


class Outcome(NamedTuple):
    """How a batch went."""

    done: int
    """Parts that were worked on."""
    there: int
    """Parts that an earlier run had finished."""
    failed: dict[str, str]
    """Parts that are not there, and why."""


def unfollowed(worked: Iterable[Worked], parts: Sequence[Part]) -> Iterable[Worked]:
    """Show nothing."""
    return worked


def run_batch(
    job: Job,
    output: Path | str,
    shard: Shard = Shard(),
    processes: int = 1,
    ray: str | None = None,
    follow: Follow = unfollowed,
) -> Outcome:
    """Work on all parts of a shard that are not in the folder yet.

    Several machines may share the folder, each with its shard; the tables are the same however the work was divided.

    Args:
        output: path or address of the folder for the tables; it is made where it does not exist.
        processes: that work at once on this machine, each with its share of the processor's threads.
        ray: address of a cluster that works on the parts instead, as ``by_ray`` takes it.
        follow: shows progress, part by part.

    Raises:
        BatchError: nothing is to be done, the folder holds another batch, or the cluster cannot do it.
        MissingExtraError: without pyarrow, or Ray where it is asked for.
    """
    require_extra(EXTRA, "A batch")
    parts = job.parts()
    if not parts:
        raise BatchError("There are no pictures in what you gave. Name files, folders or zip archives.")
    folder = output_at(output)
    _claim(folder, job.identity(parts))
    mine = shard.share(parts)
    waiting = _unfinished(job, mine, folder)
    if ray is not None:
        doing = by_ray(job, waiting, ray)
    else:
        doing = by_one_process(job, waiting) if processes == 1 else by_processes(job, waiting, processes)
    failed = {worked.part.name: worked.why for worked in follow(_written(doing, folder), waiting) if worked.why}
    return Outcome(len(waiting) - len(failed), len(mine) - len(waiting), failed)


def _claim(output: Output, identity: Mapping[str, Any]) -> None:
    """Say in the folder what it holds; refuse one that holds something else."""
    record = {"format": _FORMAT, "plasmoscope": __version__, **identity}
    content = output.read(_RECORD)
    if content is None:
        output.write(_RECORD, (json.dumps(record, indent=2) + "\n").encode())
        return
    try:
        there = json.loads(content)
    except ValueError:
        there = None
    if there != record:
        differing = sorted(name for name in record if not isinstance(there, dict) or there.get(name) != record[name])
        raise BatchError(
            f"{output} holds another batch (other {', '.join(differing)}). Choose another folder, or give the same "
            "pictures, model and options."
        )


def _unfinished(job: Job, parts: Sequence[Part], output: Output) -> Sequence[Part]:
    last = {part.name: job.last_file(part.name).rpartition("/") for part in parts}
    there = {folder: output.names(folder) for folder in {folder for folder, *_ in last.values()}}
    return [part for part in parts if last[part.name][2] not in there[last[part.name][0]]]


def _written(worked: Iterable[Worked], output: Output) -> Iterator[Worked]:
    """Write what comes in, in the order of its files."""
    for one in worked:
        for name, content in one.files.items():
            output.write(name, content)
        yield one
