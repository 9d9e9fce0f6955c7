"""The folder of this computer's camera, watched by the workstation itself (``plasmoscope serve --watch``)."""

import logging
import threading
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from plasmoscope.files import alone_in
from plasmoscope.imaging.pages import Content
from plasmoscope.store import cameras
from plasmoscope.store.errors import ConflictError, NotFoundError
from plasmoscope.store.sites import given_sites
from plasmoscope.watching import NotNowError, Orders, Report, Watch, WrongSlideError, camera_name
from plasmoscope.web.dependencies import Workstation
from plasmoscope.web.errors import WebError
from plasmoscope.web.security.rare_log import RareLog
from plasmoscope.web.uploads import keep_found

_log = RareLog(logging.getLogger(__name__))
_LOOK_SECONDS = 1.0


class CameraFolder:
    """A thread that looks through the folder."""

    def __init__(self, workstation: Workstation, folder: Path) -> None:
        """Start nothing yet; the camera has the folder's name.

        Raises:
            FolderInUseError: another workstation with the same records watches a folder.
            OSError: there is no such folder.
        """
        self._held = ExitStack()
        memory = workstation.settings.folder / "camera"
        self._held.enter_context(alone_in(memory))
        self._watch = Watch(folder, memory / "taken.jsonl", _Records(workstation, camera_name(folder.resolve())))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="camera", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Finish with the picture in hand."""
        self._stopping.set()
        self._thread.join()
        self._held.close()

    def _work(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self._watch.step()
            except NotNowError:
                pass
            except OSError as error:
                _log.warn("The camera's folder cannot be looked through: %s.", error)
            except Exception as error:
                _log.warn("Watching the camera's folder was interrupted; it goes on in a moment: %r.", error)


class _Records:
    """The records of a workstation, as what a camera's pictures go to."""

    def __init__(self, workstation: Workstation, name: str) -> None:
        self._workstation = workstation
        self._name = name
        with workstation.store.reading() as session:
            self._sites = frozenset(given_sites(session, workstation.settings.watch_sites))

    def report(self, report: Report) -> Orders:
        store = self._workstation.store
        if self._sites:
            store = store.seen_by(self._sites)
        try:
            with store.reading() as session:
                if (orders := cameras.is_said(session, self._name, report)) is not None:
                    return orders
            with store.session() as session:
                return cameras.report(session, self._name, report)
        except DBAPIError as error:
            raise NotNowError from error

    def send(self, slide: int, name: str, data: bytes) -> None:
        try:
            with self._workstation.store.session() as session:
                who = cameras.opened_by(session, self._name)
            keep_found(self._workstation, who, slide, Content(name, data))
        except (ConflictError, NotFoundError) as error:
            raise WrongSlideError from error
        except (WebError, DBAPIError, OSError) as error:
            _log.warn("A picture of the camera cannot be kept just now: %s.", error)
            raise NotNowError from error
