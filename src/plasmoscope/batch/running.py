"""Doing a batch: what is not there yet, by one process or several; a process that dies costs its part and no more."""

import json
import logging
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from plasmoscope import __version__
from plasmoscope.batch.jobs import Job, Work
from plasmoscope.batch.parts import EXTRA
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.files import replace_file
from plasmoscope.progress import Track, untracked
from plasmoscope.threads import usable_threads

_log = logging.getLogger(__name__)
_RECORD = "batch.json"
_FORMAT = 1  # version of the folder
_TRIES = 3  # of a part whose process dies


class BatchError(PlasmoscopeError):
    """A folder that holds another batch, or nothing to do."""


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

    def share(self, parts: Sequence[str]) -> Sequence[str]:
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


def run_batch(job: Job, output: Path, shard: Shard = Shard(), processes: int = 1, track: Track = untracked) -> Outcome:
    """Work on all parts of a shard that are not in the folder yet.

    Several machines may share the folder, each with its shard; the tables are the same however the work was divided.

    Args:
        output: of the tables; it is made where it does not exist.
        processes: that work at once on this machine, each with its share of the processor's threads.
        track: shows progress, part by part.

    Raises:
        BatchError: nothing is to be done, or the folder holds another batch.
        MissingExtraError: without pyarrow.
    """
    require_extra(EXTRA, "A batch")
    work = job.open(usable_threads() if processes == 1 else 1)
    if not work.parts:
        raise BatchError("There are no pictures in what you gave. Name files, folders or zip archives.")
    _claim(output, work)
    mine = shard.share(work.parts)
    waiting = [part for part in mine if not work.finished(part, output)]
    doing = _one_after_the_other(work, waiting, output) if processes == 1 else _at_once(job, waiting, output, processes)
    failed = {part: why for part, why in track(doing, len(waiting), "Parts") if why}
    return Outcome(len(waiting) - len(failed), len(mine) - len(waiting), failed)


def _claim(output: Path, work: Work) -> None:
    """Say in the folder what it holds; refuse one that holds something else."""
    output.mkdir(parents=True, exist_ok=True)
    record = {"format": _FORMAT, "plasmoscope": __version__, **work.identity}
    file = output / _RECORD
    if not file.exists():
        replace_file(file, (json.dumps(record, indent=2) + "\n").encode())
        return
    try:
        there = json.loads(file.read_text("utf-8"))
    except ValueError:
        there = None
    if there != record:
        differing = sorted(name for name in record if not isinstance(there, dict) or there.get(name) != record[name])
        raise BatchError(
            f"{output} holds another batch (other {', '.join(differing)}). Choose another folder, or give the same "
            "pictures, model and options."
        )


Told = tuple[str, str]
"""A part, and why it is not there; empty where it is."""


def _one_after_the_other(work: Work, parts: Sequence[str], output: Path) -> Iterator[Told]:
    for part in parts:
        yield part, _attempt(work, part, output)


def _attempt(work: Work, part: str, output: Path) -> str:
    """One bad part does not stop the others."""
    try:
        work.do(part, output)
    except Exception as error:
        _log.exception("Part %s could not be done.", part)
        return str(error) if isinstance(error, PlasmoscopeError) else f"{type(error).__name__}: {error}"
    return ""


def _at_once(job: Job, parts: Sequence[str], output: Path, processes: int) -> Iterator[Told]:
    """Parts worked on by several processes; one that dies is replaced, and its part tried again."""
    tries = dict.fromkeys(parts, 0)
    threads = max(1, usable_threads() // processes)
    spawn = multiprocessing.get_context("spawn")
    while tries:
        # With a process all parts are lost that are worked on beside it; whose fault it was shows when each is alone.
        suspects = [part for part, number in tries.items() if number]
        some, at_once = (suspects[:1], 1) if suspects else (list(tries), processes)
        with ProcessPoolExecutor(at_once, spawn, _begin, (job, threads)) as pool:
            # Few at a time: all that wait in a pool are lost with it.
            waiting, working = iter(some), dict[Future[str], str]()
            try:
                while True:
                    while len(working) < at_once and (part := next(waiting, None)) is not None:
                        working[pool.submit(_go_on, part, output)] = part
                    if not working:
                        break
                    for future in wait(working, return_when=FIRST_COMPLETED).done:
                        part = working[future]
                        why = future.result()
                        del working[future], tries[part]
                        yield part, why
            except BrokenProcessPool:
                for part in working.values():
                    tries[part] += 1
        for part in [part for part, number in tries.items() if number == _TRIES]:
            del tries[part]
            yield part, f"the process that worked on it died, {_TRIES} times"


_work: list[Work] = []
"""Of this process, once it has begun."""


def _begin(job: Job, threads: int) -> None:
    _work.append(job.open(threads))


def _go_on(part: str, output: Path) -> str:
    return _attempt(_work[0], part, output)
