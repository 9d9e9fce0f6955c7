"""The analysis of waiting photographs.

The line of waiting fields is in the records, so that it outlives a crash; a thread for each process of ``Analysts``
takes from it, waits for what is found, and records that.
"""

import logging
import threading
import time

from plasmoscope.store import fields
from plasmoscope.store.errors import StoreError
from plasmoscope.store.method import Method
from plasmoscope.store.records import Field
from plasmoscope.store.store import Store
from plasmoscope.web.analysts import Analysts
from plasmoscope.web.metrics import Metrics

_log = logging.getLogger(__name__)
# Another process may have added a field.
_LOOK_AGAIN_SECONDS = 5.0


class Jobs:
    """Threads that have analysed what waits."""

    def __init__(self, store: Store, analysts: Analysts, method: Method, workers: int, metrics: Metrics) -> None:
        self._store = store
        self._analysts = analysts
        self._method = method
        self._metrics = metrics
        self._something_waits = threading.Event()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"analysis-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Put back in line what a crash interrupted, and begin."""
        with self._store.session() as session:
            fields.requeue_interrupted(session)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the photographs in work and take no other; what waits stays in line for the next start."""
        self._stopping = True
        self._something_waits.set()
        for thread in self._threads:
            thread.join()

    def wake(self) -> None:
        """Say that a field waits."""
        self._something_waits.set()

    def _work(self) -> None:
        while not self._stopping:
            try:
                if not self._analyse_next():
                    self._something_waits.wait(_LOOK_AGAIN_SECONDS)
                    self._something_waits.clear()
            except Exception:
                # A database that is away for a moment must not end the analysis for good.
                _log.exception("The analysis was interrupted; it goes on in a moment.")
                time.sleep(1)

    def _analyse_next(self) -> bool:
        """Analyse the field that has waited longest; False where none waits."""
        with self._store.session() as session:
            field = fields.take_waiting(session)
        if field is None:
            return False
        started = time.perf_counter()
        try:
            self._analyse(field)
        except StoreError as error:
            # The slide was signed or deleted while its photograph was looked at.
            _log.warning("The result of field %s was dropped: %s", field.id, error)
        except Exception as error:
            _log.exception("Field %s could not be analysed.", field.id)
            with self._store.session() as session:
                fields.fail(session, field.id, f"the program failed on it ({type(error).__name__}); please report this")
        self._metrics.analysis_seconds.observe(time.perf_counter() - started)
        return True

    def _analyse(self, field: Field) -> None:
        found, mark = self._analysts.look(self._store.images.path(field.image_sha256), field.name, field.override_gate)
        with self._store.session() as session:
            fields.finish(session, field.id, found, self._method, mark)
