"""The analysis of waiting photographs.

The queue of waiting fields is in the records, so that it outlives a crash; a thread for each process of
``ModelWorkers`` takes from it, waits for what is found, and records that.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from plasmoscope.analysis.method import Method
from plasmoscope.classification.profile import Profile
from plasmoscope.errors import PlasmoscopeError, ToldError
from plasmoscope.messages import message
from plasmoscope.store import fields, performance, profiles
from plasmoscope.store.errors import StoreError
from plasmoscope.store.records import Field
from plasmoscope.store.store import Store
from plasmoscope.web.analysis_queue.model_workers import ModelWorkers
from plasmoscope.web.metrics import Metrics

_log = logging.getLogger(__name__)
# Another process may have added a field.
_LOOK_AGAIN_SECONDS = 5.0
_TRY_AGAIN_SECONDS = 1.0
# A photograph takes seconds. Who has had one for so long has died; another server of the same records takes it on.
_GIVEN_UP = timedelta(minutes=15)


class AnalysisQueue:
    """Threads that have analysed what waits."""

    def __init__(self, store: Store, model: ModelWorkers, method: Method, at_once: int, metrics: Metrics) -> None:
        self._store = store
        self._model = model
        self._method = method
        self._metrics = metrics
        self._something_waits = threading.Event()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"analysis-{number}", daemon=True) for number in range(at_once)
        ]

    def start(self) -> None:
        """Put back in the queue what a crash interrupted, and begin."""
        with self._store.session() as session:
            fields.requeue_interrupted(session)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the photographs in work and take no other; what waits stays in the queue for the next start."""
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
                time.sleep(_TRY_AGAIN_SECONDS)

    def _analyse_next(self) -> bool:
        """Analyse the field that has waited longest; False where none waits."""
        with self._store.session() as session:
            if fields.requeue_interrupted(session, _GIVEN_UP):
                _log.warning("Photographs whose analysis did not end are analysed anew.")
            field = fields.take_waiting(session)
            # Where this cannot be told the field goes on waiting.
            profile = profiles.in_use(session, self._method) if field else None
        if field is None:
            return False
        started = time.perf_counter()
        self._record(field, self._look(field, profile))
        self._metrics.analysis_seconds.observe(time.perf_counter() - started)
        return True

    def _look(self, field: Field, profile: Profile | None) -> Callable[[Session], bool]:
        """Analyse a photograph; gives what records what came of it."""
        photograph = self._store.images.path(field.image_sha256)
        method = self._method.under(profile)
        try:
            found, mark, view, measured = self._model.look(photograph, field.name, field.override_gate, profile)
        except ToldError as error:
            return partial(fields.fail, field_id=field.id, why=error.message)
        except Exception as error:
            return _failure(field, error)

        if found.error_coded:
            return partial(fields.fail, field_id=field.id, why=found.error_coded[0])

        def finish(session: Session) -> bool:
            how = performance.as_measured(session, method)
            return fields.finish(session, field.id, found, how, mark, view, measured)

        return finish

    def _record(self, field: Field, record: Callable[[Session], bool]) -> None:
        failed = False
        while True:
            try:
                with self._store.session() as session:
                    record(session)
                return
            except StoreError as error:
                # The slide was signed or deleted while its photograph was looked at.
                _log.warning("The result of field %s was dropped: %s", field.id, error)
                return
            except (OperationalError, InterfaceError):
                # The database is away for a moment, and what was found must not be lost to that.
                _log.exception("The result of field %s cannot be recorded; it is tried again.", field.id)
                if self._stopping:
                    return
                time.sleep(_TRY_AGAIN_SECONDS)
            except Exception as error:
                if failed:
                    # A damaged database, say. The field is in the queue again when the server starts the next time.
                    _log.exception("That field %s failed cannot be recorded either.", field.id)
                    return
                failed, record = True, _failure(field, error)


def _failure(field: Field, error: Exception) -> Callable[[Session], bool]:
    _log.exception("Field %s could not be analysed.", field.id)
    # Errors of the library say more than their names.
    detail = str(error) if isinstance(error, PlasmoscopeError) else type(error).__name__
    return partial(fields.fail, field_id=field.id, why=message("program_failed", detail=detail))
