"""Photographs of which not all has come in: kept piece by piece, so that a lost line or a new start costs little.

A piece is on the disk before the row says so. What a crash left behind it is cut off by the next piece. The analysis
knows nothing of these: a photograph is one once it is whole.
"""

import os
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from plasmoscope.store.errors import ConflictError, NotFoundError
from plasmoscope.store.records import UnfinishedUpload, now
from plasmoscope.store.slides import get_slide

KEPT_FOR = timedelta(hours=24)
"""Without another piece; what is not whole by then is removed."""
MOST_OF_ONE = 20
"""Of one person at a time; the one that has waited longest makes room for another."""
_FOLDER = "unfinished"


def begin(session: Session, records: Path, who: str, slide_id: int, name: str, length: int) -> UnfinishedUpload:
    """Make room for a photograph of a slide, and remove what nobody went on with.

    Args:
        records: the store's folder.
        name: to show; any text.
        length: bytes of the whole file, at least 1.

    Raises:
        NotFoundError: no such slide.
        ConflictError: it is signed.
    """
    slide = get_slide(session, slide_id)
    if slide.status == "signed":
        raise ConflictError("slide_signed", slide=slide.code, signer=slide.signed_by or "")
    _remove_old(session, records, who)
    upload = UnfinishedUpload(token=secrets.token_urlsafe(24), slide_id=slide_id, by=who, name=name, length=length)
    session.add(upload)
    session.flush()
    return upload


def find(session: Session, who: str, token: str, hold: bool = False) -> UnfinishedUpload:
    """An upload of one's own.

    Args:
        hold: let nobody else add to it until the transaction ends.

    Raises:
        NotFoundError: no such upload, or it is somebody else's; or its slide was deleted.
    """
    wanted = select(UnfinishedUpload).where(UnfinishedUpload.token == token, UnfinishedUpload.by == who)
    if hold:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    upload = session.scalar(wanted)
    if upload is None or upload.touched < now() - KEPT_FOR:
        raise NotFoundError("no_upload")
    get_slide(session, upload.slide_id)
    return upload


def append(session: Session, records: Path, who: str, token: str, offset: int, piece: bytes) -> UnfinishedUpload:
    """Keep the next piece; when the transaction ends it outlives a power cut.

    Args:
        offset: bytes before the piece, as whoever sends it believes.

    Raises:
        NotFoundError: as ``find``; also where what came before is gone from the disk.
        ConflictError: the piece does not follow what came before, or goes beyond the file's end.
    """
    upload = find(session, who, token, hold=True)
    if offset != upload.received:
        raise ConflictError("upload_is_at", offset=upload.received)
    if offset + len(piece) > upload.length:
        raise ConflictError("upload_too_long", length=upload.length)
    file = path(records, upload)
    file.parent.mkdir(exist_ok=True, mode=0o700)
    if not offset:
        file.write_bytes(b"")
    elif not file.exists() or file.stat().st_size < offset:
        # As after a restored backup, which holds no unfinished files.
        raise NotFoundError("no_upload")
    with file.open("r+b") as stream:
        stream.truncate(offset)
        stream.seek(offset)
        stream.write(piece)
        stream.flush()
        os.fsync(stream.fileno())
    upload.received += len(piece)
    upload.touched = now()
    return upload


def set_kept(session: Session, records: Path, who: str, token: str) -> None:
    """Note that it has become a photograph; its bytes lie there now. Whoever got no answer can still ask."""
    upload = find(session, who, token, hold=True)
    upload.kept = True
    path(records, upload).unlink(missing_ok=True)


def give_up(session: Session, records: Path, who: str, token: str) -> None:
    """Remove one with all that came in.

    Raises:
        NotFoundError: as ``find``.
    """
    _remove(session, records, find(session, who, token, hold=True))


def path(records: Path, upload: UnfinishedUpload) -> Path:
    """Where its bytes lie."""
    return records / _FOLDER / upload.token


def _remove_old(session: Session, records: Path, who: str) -> None:
    """Remove what nobody went on with, what one person has too many of, and files that a crash left without a row."""
    oldest = now() - KEPT_FOR
    of_one = select(UnfinishedUpload).where(UnfinishedUpload.by == who).order_by(UnfinishedUpload.touched.desc())
    old = session.scalars(select(UnfinishedUpload).where(UnfinishedUpload.touched < oldest)).all()
    for upload in {*old, *session.scalars(of_one.offset(MOST_OF_ONE - 1))}:
        _remove(session, records, upload)
    session.flush()
    known = set(session.scalars(select(UnfinishedUpload.token)))
    for file in _files(records):
        if file.name not in known and file.stat().st_mtime < oldest.timestamp():
            file.unlink(missing_ok=True)


def _remove(session: Session, records: Path, upload: UnfinishedUpload) -> None:
    path(records, upload).unlink(missing_ok=True)
    session.execute(delete(UnfinishedUpload).where(UnfinishedUpload.id == upload.id))


def _files(records: Path) -> Iterator[Path]:
    folder = records / _FOLDER
    return folder.iterdir() if folder.is_dir() else iter(())
