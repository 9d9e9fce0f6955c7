"""The analysis of photographs in processes of their own, so that no page waits for it."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import connection
from pathlib import Path

from plasmoscope.analysis.analyze import Look, calling, look_at_field
from plasmoscope.classification.classifier import Classifier
from plasmoscope.web.errors import WebError

# How much rather the system runs the pages than the analysis, where it can do only one.
_POLITENESS = 10


class Analysts:
    """Processes that each hold the model. They start when first needed and end with ``close``, or with this process."""

    def __init__(self, model: Path | None, number: int) -> None:
        self._model = model
        self._number = number
        self._renewing = threading.Lock()
        self._alone = threading.Lock()
        self._pool = _pool(model, number)

    def look(self, photograph: Path | bytes, name: str, override_gate: bool = False) -> Look:
        """Find and call the cells of one photograph, as ``look_at_field``; waits for a process that is free.

        Raises:
            WebError: 503, its process was ended twice, such as by the system for lack of memory.
        """
        pool = self._pool
        try:
            return pool.submit(_look, self._model, photograph, name, override_gate).result()
        except BrokenProcessPool:
            # One process that is ended takes its neighbours' photographs with it, which may be sound.
            self._renew(pool)
        try:
            with self._alone, _pool(self._model, 1) as own:
                return own.submit(_look, self._model, photograph, name, override_gate).result()
        except BrokenProcessPool as error:
            raise WebError(
                503, "lost", "The system ended the analysis, perhaps for lack of memory. Try a smaller picture."
            ) from error

    def close(self) -> None:
        """Finish what is being analysed, and end the processes."""
        self._pool.shutdown()

    def _renew(self, broken: ProcessPoolExecutor) -> None:
        with self._renewing:
            if self._pool is broken:
                broken.shutdown(wait=False)
                self._pool = _pool(self._model, self._number)


def _pool(model: Path | None, number: int) -> ProcessPoolExecutor:
    # Not by fork: this process has threads.
    spawning = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(number, spawning, initializer=_begin, initargs=(model,))


_loaded = cache(Classifier.load)


def _begin(model: Path | None) -> None:
    """What each process does first."""
    # Ctrl+C reaches every process of a terminal; the workstation says when this one is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(_POLITENESS)
    _loaded(model)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _look(model: Path | None, photograph: Path | bytes, name: str, override_gate: bool) -> Look:
    classifier = _loaded(model)
    return look_at_field(photograph, name, classifier, calling(classifier), override_gate)
