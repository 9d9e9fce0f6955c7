"""Working on parts by one process or several; a process that dies costs its part and no more."""

import logging
import multiprocessing
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from typing import NamedTuple

from plasmoscope.batch.job import Files, Job, Part, Work
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.threads import usable_threads

_log = logging.getLogger(__name__)
TRIES = 3
"""Of a part whose process dies."""


class Worked(NamedTuple):
    """What became of a part."""

    part: Part
    files: Files
    """Its tables; none where it failed."""
    why: str = ""
    """Why there are none."""
    machine: str = ""
    """That worked on it."""


Attempted = tuple[Files, str, str]
"""``Worked`` as it comes back from another process, which need not send the part."""


def attempt(work: Work, part: Part) -> Attempted:
    """Work on a part in this process: a bad one does not stop the others."""
    try:
        return work.do(part), "", socket.gethostname()
    except Exception as error:
        _log.exception("Part %s could not be done.", part.name)
        why = str(error) if isinstance(error, PlasmoscopeError) else f"{type(error).__name__}: {error}"
        return {}, why, socket.gethostname()


def by_one_process(job: Job, parts: Sequence[Part]) -> Iterator[Worked]:
    """One part after the other, each with all of the processor's threads."""
    work = job.open(usable_threads())
    for part in parts:
        yield Worked(part, *attempt(work, part))


def by_processes(job: Job, parts: Sequence[Part], processes: int) -> Iterator[Worked]:
    """By several at once, each with its share of the threads; one that dies is replaced, and its part tried again.

    Yields:
        The parts as they are finished.
    """
    left = {part.name: part for part in parts}
    tries = dict.fromkeys(left, 0)
    threads = max(1, usable_threads() // processes)
    spawn = multiprocessing.get_context("spawn")
    while left:
        # With a process all parts are lost that are worked on beside it; whose fault it was shows when each is alone.
        suspects = [part for part in left.values() if tries[part.name]]
        some, at_once = (suspects[:1], 1) if suspects else (list(left.values()), processes)
        with ProcessPoolExecutor(at_once, spawn) as pool:
            # Few at a time: all that wait in a pool are lost with it.
            waiting, working = iter(some), dict[Future[Attempted], Part]()
            try:
                while True:
                    while len(working) < at_once and (part := next(waiting, None)) is not None:
                        working[pool.submit(_go_on, job, threads, part)] = part
                    if not working:
                        break
                    for future in wait(working, return_when=FIRST_COMPLETED).done:
                        part, attempted = working[future], future.result()
                        del working[future], left[part.name]
                        yield Worked(part, *attempted)
            except BrokenProcessPool:
                for part in working.values():
                    tries[part.name] += 1
        for part in [part for part in left.values() if tries[part.name] == TRIES]:
            del left[part.name]
            yield Worked(part, {}, f"the process that worked on it died, {TRIES} times")


@lru_cache(maxsize=1)
def _opened(job: Job, threads: int) -> Work:
    return job.open(threads)


def _go_on(job: Job, threads: int, part: Part) -> Attempted:
    # A model that cannot be loaded is no fault of the part: that ends the batch.
    return attempt(_opened(job, threads), part)
