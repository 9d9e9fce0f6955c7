"""Profiles made of corrected cells, in a thread that has the photographs looked at one by one, beside other work."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from plasmoscope.classification.adaptation import check_enough
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.store import profiles
from plasmoscope.store.errors import ConflictError
from plasmoscope.store.store import Store
from plasmoscope.store.taught import taught_fields, with_taught_cells
from plasmoscope.web.analysis_queue.model_workers import Lesson, ModelWorkers

_log = logging.getLogger(__name__)
_SOURCE = "cells corrected at the workstation"


@dataclass(frozen=True)
class Making:
    """A profile that is being made, or that was not."""

    name: str
    done: int
    """Photographs looked at."""
    of: int
    refusal: str | None = None
    """Why it was not made; None while it is being made."""


class Teacher:
    """Makes one profile at a time."""

    def __init__(self, store: Store, model: ModelWorkers) -> None:
        self._store = store
        self._model = model
        self._changing = threading.Lock()
        self._making: Making | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def making(self) -> Making | None:
        """What is being made, or why the last one was not; None where the last one was made, or there was none."""
        return self._making

    def begin(self, who: str, name: str) -> Making:
        """Make a profile of all cells that people have called so far.

        Raises:
            ProfileError: there are too few, or no profile can have this name.
            ConflictError: one is being made.
        """
        with self._changing:
            if self._making is not None and self._making.refusal is None:
                raise ConflictError("profile_in_making", profile=self._making.name)
            with self._store.reading() as session:
                profiles.next_version(session, name)
                field_ids = with_taught_cells(session)
                calls = [infected for field in taught_fields(session, field_ids) for _, infected in field.cells]
            check_enough(sum(calls), len(calls) - sum(calls))
            self._making = Making(name, 0, len(field_ids))
            self._thread = threading.Thread(target=self._work, args=(who, name, field_ids), daemon=True)
            self._thread.start()
            return self._making

    def stop(self) -> None:
        """Drop what is being made."""
        self._stopping = True
        if self._thread is not None:
            self._thread.join()

    def _work(self, who: str, name: str, field_ids: Sequence[int]) -> None:
        try:
            self._make(who, name, field_ids)
        except PlasmoscopeError as error:
            self._refuse(str(error))
        except Exception as error:
            _log.exception("The profile '%s' could not be made.", name)
            self._refuse(f"The program failed on it ({type(error).__name__}); please report this.")

    def _make(self, who: str, name: str, field_ids: Sequence[int]) -> None:
        observed, calls = [], []
        for number, field_id in enumerate(field_ids):
            if self._stopping:
                return
            # No view of the records is held while a photograph is looked at.
            with self._store.reading() as session:
                (field,) = taught_fields(session, [field_id])
            if field.cells:
                photograph = self._store.images.path(field.image_sha256)
                observed.append(self._model.observe(photograph, [cell for cell, _ in field.cells]))
                calls += [infected for _, infected in field.cells]
            self._making = Making(name, number + 1, len(field_ids))
        with self._store.reading() as session:
            version = profiles.next_version(session, name)
        profile = self._model.learn(Lesson(observed, calls, name, version, _SOURCE))
        with self._store.session() as session:
            profiles.keep(session, who, profile)
        self._making = None

    def _refuse(self, why: str) -> None:
        if self._making is not None:
            self._making = Making(self._making.name, self._making.done, self._making.of, why)
