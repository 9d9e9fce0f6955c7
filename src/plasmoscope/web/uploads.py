"""Files from outside, bounded, and photographs among them kept."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from fastapi import UploadFile
from starlette.concurrency import run_in_threadpool

from plasmoscope.imaging.pages import Content, write_pages
from plasmoscope.imaging.reading import MAX_BYTES, ImageError, read_limited
from plasmoscope.imaging.sources import Readable, Unreadable
from plasmoscope.messages import Message, message
from plasmoscope.store import fields
from plasmoscope.store.records import Field
from plasmoscope.store.store import Store
from plasmoscope.web.dependencies import Workstation
from plasmoscope.web.errors import WebError

_RETRY_SECONDS = 10


class Kept(NamedTuple):
    """The photographs of an upload, in the queue."""

    fields: list[Field]
    are_pages: bool
    """Of a file that has several; else there is one."""


def read_upload(file: UploadFile) -> bytes:
    """The content of an uploaded file, which need not be a picture; what its sender called it plays no part.

    Raises:
        WebError: 413, it is too large.
    """
    data = file.file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise WebError(413, "too_large", "upload_too_large", most=MAX_BYTES // 1024**2)
    return data


def read_files(files: Iterable[UploadFile]) -> list[Readable]:
    """Several uploaded files, of which a bad one must not stop the others: one that is too large says so when read."""
    return [_read_file(file) for file in files]


def shown_name(file: UploadFile) -> str:
    """What its sender called it, for showing only."""
    return file.filename or "picture"


async def keep_upload(workstation: Workstation, who: str, slide_id: int, file: UploadFile) -> Kept:
    """Keep a photograph of a slide and put it in the queue; the same one twice is kept once.

    Each page of a TIFF is a photograph of its own.

    Raises:
        WebError: 413, it is too large; 429, too many photographs wait.
        ImageError: it, or one of its pages, cannot be decoded.
        NotFoundError, ConflictError: there is no such slide, or it is signed.
    """
    await run_in_threadpool(_check_queue, workstation)
    sent = Content(shown_name(file), await run_in_threadpool(read_upload, file))
    return await keep_photograph(workstation, who, slide_id, sent)


async def keep_uploads(workstation: Workstation, who: str, slide_id: int, files: Iterable[UploadFile]) -> None:
    """``keep_upload`` of each from a browser without scripts, which sends a nameless one for each box that holds none.

    Raises:
        WebError: 422, with the names of those that cannot be taken, once the others are kept; or as ``keep_upload``.
    """
    refused: list[Message] = []
    for file in files:
        if file.filename:
            try:
                await keep_upload(workstation, who, slide_id, file)
            except (ImageError, WebError) as error:
                refused.append(message("named", name=file.filename, error=error.message))
    if refused:
        raise WebError(422, "unusable_image", "not_taken", photographs=tuple(refused))


async def keep_photograph(workstation: Workstation, who: str, slide_id: int, sent: Content) -> Kept:
    """``keep_upload`` of what is in memory."""
    await run_in_threadpool(_check_queue, workstation)
    with tempfile.TemporaryDirectory() as folder:
        # What cannot be decoded is not kept, nor any page where one cannot be.
        pages = await workstation.workers.drawing.take(write_pages, sent, Path(folder))
        kept = await run_in_threadpool(_keep_fields, workstation.store, who, slide_id, sent, pages)
    workstation.queue.wake()
    return Kept(kept, bool(pages))


def keep_found(workstation: Workstation, who: str, slide_id: int, found: Content) -> None:
    """``keep_photograph`` for a thread of its own, which may wait."""
    _check_queue(workstation)
    with tempfile.TemporaryDirectory() as folder:
        pages = workstation.workers.drawing.run(write_pages, found, Path(folder))
        _keep_fields(workstation.store, who, slide_id, found, pages)
    workstation.queue.wake()


def _check_queue(workstation: Workstation) -> None:
    """Refuse a photograph for the moment where too many wait."""
    with workstation.store.reading() as session:
        waiting = fields.how_many_wait(session)
    if waiting >= workstation.settings.longest_queue:
        raise WebError(429, "busy", "queue_full", retry_after=_RETRY_SECONDS, photographs=waiting)


def _keep_fields(
    store: Store, who: str, slide_id: int, sent: Content, pages: Sequence[tuple[str, Path]]
) -> list[Field]:
    photographs: list[tuple[str, bytes | Path]] = [*pages] or [(sent.name, sent.data)]
    kept = []
    for name, content in photographs:
        data = content if isinstance(content, bytes) else content.read_bytes()
        # One by one, so that others may write meanwhile; an upload that was broken off is sent again.
        with store.session() as session:
            kept.append(fields.add_field(session, store.images, who, slide_id, name, data))
    return kept


def _read_file(file: UploadFile) -> Readable:
    try:
        return Content(shown_name(file), read_limited(file.file))
    except ImageError as error:
        return Unreadable(shown_name(file), error.message)
