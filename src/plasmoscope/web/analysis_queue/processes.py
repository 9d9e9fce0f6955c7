"""Processes beside the one that answers requests, so that no page waits for heavy work.

Python runs one thread of a process at a time: a thread that writes a PDF would slow down every page, and four of them
would leave no thread for a page at all.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import ParamSpec, TypeVar

from plasmoscope.web.errors import WebError

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")
_RETRY_SECONDS = 5


class Processes:
    """Some processes for one kind of work.

    They start when first needed and end with ``close``, or with this process.
    """

    def __init__(
        self, number: int, longest_queue: int, politeness: int, prepare: Callable[[], object] | None = None
    ) -> None:
        """Start nothing yet.

        Args:
            number: of processes, and so of pieces of work at once.
            longest_queue: pieces of work of requests that may wait; more are refused for the moment.
            politeness: how much rather the system runs the pages than these, where it can do only one; 0 to 19.
            prepare: what each process does first; a function that is found by its name.
        """
        self._number = number
        self._most = number + longest_queue
        self._begin = (politeness, prepare)
        self._queued = 0
        self._renewing = threading.Lock()
        self._alone = threading.Lock()
        self._pool = self._new_pool(number)
        # They only wait, so that the few threads that requests share need not.
        self._waiting = ThreadPoolExecutor(number, "beside")

    async def take(self, work: Callable[_Given, _Made], *given: _Given.args, **named: _Given.kwargs) -> _Made:
        """``run`` for a request, which holds no thread meanwhile.

        Raises:
            WebError: 503, the queue is full; or as ``run``.
        """
        if self._queued >= self._most:
            raise WebError(503, "busy", "much_to_do", retry_after=_RETRY_SECONDS)

        def wait() -> _Made:
            return self.run(work, *given, **named)

        self._queued += 1
        try:
            return await asyncio.wrap_future(self._waiting.submit(wait))
        finally:
            self._queued -= 1

    def run(self, work: Callable[_Given, _Made], *given: _Given.args, **named: _Given.kwargs) -> _Made:
        """What ``work`` gives, or raises, in a process that is free; waits for one.

        Args:
            work: a function that is found by its name; what it takes and gives is pickled.

        Raises:
            WebError: 503, its process was ended twice, such as by the system for lack of memory.
        """
        pool = self._pool
        try:
            return pool.submit(work, *given, **named).result()
        except BrokenProcessPool:
            # One process that is ended takes its neighbours' work with it, which may be sound.
            self._renew(pool)
        try:
            with self._alone, self._new_pool(1) as own:
                return own.submit(work, *given, **named).result()
        except BrokenProcessPool as error:
            raise WebError(503, "lost", "work_ended") from error

    def close(self) -> None:
        """Finish what is being worked on, drop what waits, and end the processes."""
        self._waiting.shutdown(cancel_futures=True)
        self._pool.shutdown()

    def _renew(self, broken: ProcessPoolExecutor) -> None:
        with self._renewing:
            if self._pool is broken:
                broken.shutdown(wait=False)
                self._pool = self._new_pool(self._number)

    def _new_pool(self, number: int) -> ProcessPoolExecutor:
        # Not by fork: this process has threads.
        spawning = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(number, spawning, initializer=_begin, initargs=self._begin)


def _begin(politeness: int, prepare: Callable[[], object] | None) -> None:
    """What each process does first."""
    # Ctrl+C reaches every process of a terminal; the workstation says when this one is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(politeness)
    if prepare is not None:
        prepare()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
