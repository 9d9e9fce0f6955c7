"""Cameras whose folders are watched: each has at most one slide that its pictures go to, until that is idle.

A camera serves the sites of whoever watches its folder, and is there for slides of these sites alone: what waits in the
folder is often named after patients.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from plasmoscope.messages import as_record
from plasmoscope.store.audit import note, slide_subject
from plasmoscope.store.errors import ConflictError, NotFoundError
from plasmoscope.store.locking import slide_to_change
from plasmoscope.store.records import Camera, Slide, now
from plasmoscope.store.sites import check_seen, seen_sites
from plasmoscope.watching import Orders, Report

IDLE = timedelta(hours=2)
"""A slide to which no picture went for so long is forgotten: the next picture may be of another one."""
SEEN_WITHIN = timedelta(seconds=60)
MOST = 50
"""Cameras that are known."""
_SAY_AGAIN = timedelta(seconds=10)


def report(session: Session, name: str, told: Report) -> Orders:
    """Keep what a camera's folder holds; a camera of a new name is known from here on.

    It serves the sites that the session is narrowed to.

    Raises:
        ConflictError: there are too many.
        NotFoundError: a camera of this name is watched for other sites just now.
    """
    wanted = select(Camera).where(Camera.name == name)
    camera = session.scalar(wanted.with_for_update())
    sites = _own_sites(session)
    if camera is None:
        if len(session.scalars(select(Camera.id)).all()) >= MOST:
            raise ConflictError("too_many_cameras", most=MOST)
        camera = Camera(name=name)
        session.add(camera)
    elif camera.seen > now() - SEEN_WITHIN and not _shared(camera.sites, sites):
        raise NotFoundError("no_camera", camera=name)
    camera.seen, camera.sites = now(), sites
    camera.waiting, camera.names = told.waiting, list(told.names)
    camera.set_aside = [{"name": picture, "why": as_record(why)} for picture, why in told.set_aside]
    if told.took:
        camera.used = camera.seen
    if camera.slide_id is not None and not _takes_more(session, camera):
        camera.slide_id = None
    asked: Literal["", "take", "leave"] = "take" if camera.asked == "take" else "leave" if camera.asked else ""
    camera.asked = ""
    session.flush()
    return Orders(camera.slide_id, camera.opening, asked)


def is_said(session: Session, name: str, told: Report) -> Orders | None:
    """What ``report`` would give, where it would change nothing that matters; to be asked before it."""
    camera = session.scalar(select(Camera).where(Camera.name == name))
    if camera is None or camera.sites != _own_sites(session):
        return None
    if camera.asked or told.took or camera.seen < now() - _SAY_AGAIN:
        return None
    kept = (camera.waiting, camera.names, [one["name"] for one in camera.set_aside])
    if kept != (told.waiting, list(told.names), [picture for picture, _ in told.set_aside]):
        return None
    if camera.slide_id is not None and not _takes_more(session, camera):
        return None
    return Orders(camera.slide_id, camera.opening)


def open_for(session: Session, who: str, slide_id: int, name: str) -> None:
    """Have a camera's pictures go to a slide from now on, and to no other.

    Raises:
        NotFoundError: no such slide or camera, the camera does not serve the slide's site, or it is open for a slide
            that is not seen.
        ConflictError: the slide is signed.
    """
    slide = slide_to_change(session, slide_id)
    camera = _held(session, name)
    if not _serves(camera, slide.site):
        raise NotFoundError("no_camera", camera=name)
    if camera.slide_id is not None:
        check_seen(session, camera.slide_id)
    camera.slide_id, camera.opened_by, camera.used, camera.asked = slide_id, who, now(), ""
    camera.opening += 1
    note(session, who, "open camera", slide_subject(slide_id), camera=name)


def close(session: Session, who: str, slide_id: int, name: str) -> None:
    """Have a camera's pictures no longer go to this slide.

    Raises:
        NotFoundError: no such camera.
    """
    check_seen(session, slide_id)
    camera = _held(session, name)
    if camera.slide_id == slide_id:
        camera.slide_id = None
        note(session, who, "close camera", slide_subject(slide_id), camera=name)


def ask(session: Session, who: str, slide_id: int, name: str, what: Literal["take", "leave"]) -> None:
    """Take the pictures that wait in a camera's folder into the slide that is open for it, or leave them out.

    Raises:
        NotFoundError: no such camera.
        ConflictError: its pictures go to another slide, or to none.
    """
    check_seen(session, slide_id)
    camera = _held(session, name)
    if camera.slide_id != slide_id:
        raise ConflictError("camera_elsewhere", camera=name)
    camera.asked = what
    note(session, who, f"{what} waiting", slide_subject(slide_id), camera=name, pictures=camera.waiting)


def in_sight(session: Session, site: str) -> Sequence[Camera]:
    """The cameras whose folders are watched just now and which serve a site, by their names."""
    watched = session.scalars(select(Camera).where(Camera.seen > now() - SEEN_WITHIN).order_by(Camera.name))
    return [camera for camera in watched if _serves(camera, site)]


def opened_by(session: Session, name: str) -> str:
    """Who had a camera's pictures go to its slide.

    Raises:
        NotFoundError: no such camera.
    """
    return _held(session, name).opened_by


def _held(session: Session, name: str) -> Camera:
    camera = session.scalar(select(Camera).where(Camera.name == name).with_for_update())
    if camera is None:
        raise NotFoundError("no_camera", camera=name)
    return camera


def _own_sites(session: Session) -> list[str] | None:
    sites = seen_sites(session)
    return None if sites is None else sorted(sites)


def _serves(camera: Camera, site: str) -> bool:
    return camera.sites is None or site in camera.sites


def _shared(sites: Sequence[str] | None, others: Sequence[str] | None) -> bool:
    return sites is None or others is None or not set(sites).isdisjoint(others)


def _takes_more(session: Session, camera: Camera) -> bool:
    slide = session.get(Slide, camera.slide_id)
    idle = camera.used is None or camera.used < now() - IDLE
    return slide is not None and slide.status == "open" and slide.deleted_at is None and not idle
