"""``plasmoscope watch``."""

import hashlib
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from plasmoscope.cli.console import console, tell_unread
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.files import alone_in

if TYPE_CHECKING:
    from plasmoscope.client import Workstation
    from plasmoscope.watching import Orders, Report

_LOOK_SECONDS = 1.0
_TRY_AGAIN_SECONDS = 5.0


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder into which the microscope's camera saves.")],
    server: Annotated[str, typer.Option(help="Address of the workstation.")] = "http://127.0.0.1:8000",
    name: Annotated[str, typer.Option(help="Account to log in with, where people must.")] = "",
    password: Annotated[
        str, typer.Option(envvar="PLASMOSCOPE_PASSWORD", help="Its password; asked for where it is missing.")
    ] = "",
    camera: Annotated[str, typer.Option(help="What the page calls the camera (default: the folder's name).")] = "",
) -> None:
    """Send each picture that a microscope's camera saves to the slide that is open for it on the workstation's page.

    Nothing in the folder is changed or deleted. What was sent is remembered, so that a new start sends nothing twice.
    Stop with Ctrl+C.
    """
    require_extra("serve", "Watching a folder")
    from platformdirs import user_data_path

    from plasmoscope.client import Workstation
    from plasmoscope.watching import NotNowError, Watch, camera_name

    if name and not password:
        password = typer.prompt("Password", hide_input=True)
    if not folder.is_dir():
        raise PlasmoscopeError(f"There is no folder '{folder}' to watch. Give the one into which the camera saves.")
    whole = folder.resolve()
    place = hashlib.sha256(f"{server} {whole}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    memory = user_data_path("plasmoscope", appauthor=False) / "watched" / place
    with alone_in(memory), Workstation(server, name, password) as workstation:
        told = _Told(workstation, camera or camera_name(whole))
        watching = Watch(whole, memory / "taken.jsonl", told)
        console.print(f"Watching {escape(str(whole))} for {escape(server)}. Stop with Ctrl+C.")
        while True:
            try:
                watching.step()
            except NotNowError as error:
                console.print(f"It goes on in a moment: {escape(str(error))}")
                sleep(_TRY_AGAIN_SECONDS)
            except OSError as error:
                raise PlasmoscopeError(f"The folder cannot be looked through ({error.strerror}).") from error
            sleep(_LOOK_SECONDS)


class _Told:
    """A workstation that hears of a camera's pictures; what happens is said on the console, too."""

    def __init__(self, workstation: "Workstation", camera: str) -> None:
        self._workstation = workstation
        self._camera = camera
        self._said = 0

    def report(self, report: "Report") -> "Orders":
        from plasmoscope.client import WorkstationError
        from plasmoscope.i18n.words import english
        from plasmoscope.watching import NotNowError

        for name, why in report.set_aside[self._said :]:
            tell_unread(name, english(why))
        self._said = len(report.set_aside)
        try:
            return self._workstation.report_camera(self._camera, report)
        except WorkstationError as error:
            if error.code in _AWAY:
                raise NotNowError(str(error)) from error
            raise

    def send(self, slide: int, name: str, data: bytes) -> None:
        from plasmoscope.client import WorkstationError
        from plasmoscope.imaging.reading import ImageError
        from plasmoscope.messages import from_record
        from plasmoscope.watching import NotNowError, WrongSlideError

        try:
            self._workstation.keep(slide, name, data)
        except WorkstationError as error:
            if error.code in {"unusable_image", "too_large"}:
                raise ImageError.of(from_record({"code": error.reason, "values": error.values})) from error
            if error.code in {"conflict", "not_found"}:
                raise WrongSlideError from error
            if error.code in _AWAY:
                raise NotNowError(str(error)) from error
            raise
        console.print(f"Sent {escape(name)} to slide number {slide}.")


_AWAY = {"unreachable", "busy", "database", "slow", "failed", "lost", "no_room"}
