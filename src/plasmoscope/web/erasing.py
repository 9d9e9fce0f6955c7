"""Deleted slides that are erased by themselves after a time (``plasmoscope serve --erase-after``)."""

import logging
import threading

from sqlalchemy.exc import DBAPIError

from plasmoscope.store.audit import PROGRAM
from plasmoscope.store.erasing import erase_deleted
from plasmoscope.store.store import Store
from plasmoscope.web.security.rare_log import RareLog

_log = RareLog(logging.getLogger(__name__))
_LOOK_SECONDS = 3600.0


class Eraser:
    """A thread that looks for them as it starts and every hour. Several servers may each have one."""

    def __init__(self, store: Store, days: float) -> None:
        """Start nothing yet.

        Args:
            days: as for ``erase_deleted``.
        """
        self._store = store
        self._days = days
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="eraser", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Finish with the slides in hand."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            try:
                erase_deleted(self._store, PROGRAM, self._days)
            except (DBAPIError, OSError) as error:
                _log.warn("Deleted slides could not be erased; it is tried again: %s.", error)
            if self._stopping.wait(_LOOK_SECONDS):
                return
