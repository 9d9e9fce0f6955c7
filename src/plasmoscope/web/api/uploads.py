"""``/uploads``: photographs that come in piece by piece, and go on after a lost line or a new start.

As the open tus protocol 1.0 (https://tus.io/protocols/resumable-upload) has it, with its extensions creation,
expiration and termination.
"""

import base64
import binascii
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from plasmoscope.imaging.pages import Content
from plasmoscope.imaging.reading import MAX_BYTES, ImageError
from plasmoscope.store import unfinished
from plasmoscope.store.errors import NotFoundError
from plasmoscope.store.records import UnfinishedUpload
from plasmoscope.store.store import Store
from plasmoscope.web.dependencies import Number, Records, WholeWorkstation, Workstation
from plasmoscope.web.errors import WebError
from plasmoscope.web.security.identity import Actor, Reader, Technician
from plasmoscope.web.uploads import keep_photograph

router = APIRouter(tags=["uploads"])

_VERSION = "1.0.0"
_SPOKEN = {"Tus-Resumable": _VERSION}
_PIECE_TYPE = "application/offset+octet-stream"
_PIECE_BYTES = 1024**2
"""What a lost line costs at most: so much at a time is put on the disk."""

Token = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{32}$")]
SpokenVersion = Annotated[str, Header(alias="Tus-Resumable")]


@router.options("/uploads", status_code=204)
async def describe_uploads(actor: Reader) -> Response:
    """What of tus is understood."""
    head = {"Tus-Version": _VERSION, "Tus-Extension": "creation,expiration,termination"}
    return Response(status_code=204, headers=_SPOKEN | head | {"Tus-Max-Size": str(MAX_BYTES)})


@router.post("/slides/{slide_id}/uploads", status_code=201, response_class=Response)
def begin_upload(
    actor: Technician,
    records: Records,
    slide_id: Number,
    length: Annotated[int, Header(alias="Upload-Length", ge=0)],
    metadata: Annotated[str, Header(alias="Upload-Metadata", max_length=4000)] = "",
    version: SpokenVersion = _VERSION,
) -> Response:
    """Begin with a photograph of a slide; ``Location`` is where to send it.

    The head tells its length in bytes, and its ``filename`` in base64.
    """
    _check_version(version)
    if length > MAX_BYTES:
        raise WebError(413, "too_large", "upload_too_large", most=MAX_BYTES // 1024**2)
    if not length:
        raise ImageError("empty_file")
    with records.session() as session:
        upload = unfinished.begin(session, records.folder, actor.name, slide_id, _file_name(metadata), length)
    return Response(
        status_code=201, headers={"Location": f"/api/v1/uploads/{upload.token}", **_SPOKEN, **_expires(upload)}
    )


@router.head("/uploads/{token}", response_class=Response)
async def find_upload(
    actor: Technician, workstation: WholeWorkstation, token: Token, version: SpokenVersion = _VERSION
) -> Response:
    """How many bytes have come in. All of them means that the photograph is kept."""
    _check_version(version)
    upload = await run_in_threadpool(_find, workstation.store, actor, token)
    if upload.received == upload.length:
        await _keep(workstation, actor, upload)
    length = {"Upload-Length": str(upload.length), "Cache-Control": "no-store"}
    return Response(headers=_state(upload) | length)


@router.patch("/uploads/{token}", status_code=204)
async def continue_upload(
    request: Request,
    actor: Technician,
    workstation: WholeWorkstation,
    token: Token,
    offset: Annotated[int, Header(alias="Upload-Offset", ge=0)],
    version: SpokenVersion = _VERSION,
) -> Response:
    """Send what follows after ``Upload-Offset`` bytes, all of it or some.

    With the last byte the photograph is kept and put in the queue, or refused as by ``POST /slides/{slide_id}/fields``.
    """
    _check_version(version)
    if request.headers.get("content-type", "") != _PIECE_TYPE:
        raise WebError(415, "refused", "request_refused", detail=f"Content-Type: {_PIECE_TYPE}")
    store = workstation.store
    upload = await run_in_threadpool(_find, store, actor, token)
    if not upload.kept:
        upload = await _take_in(request, store, actor, token, offset)
    if upload.received == upload.length:
        await _keep(workstation, actor, upload)
    return Response(status_code=204, headers=_state(upload))


@router.delete("/uploads/{token}", status_code=204)
def give_up_upload(actor: Technician, records: Records, token: Token, version: SpokenVersion = _VERSION) -> Response:
    """Remove what has come in of a photograph."""
    _check_version(version)
    with records.session() as session:
        unfinished.give_up(session, records.folder, actor.name, token)
    return Response(status_code=204, headers=_SPOKEN)


def _check_version(version: str) -> None:
    if version != _VERSION:
        raise WebError(412, "refused", "request_refused", detail=f"Tus-Resumable: {_VERSION}")


def _file_name(metadata: str) -> str:
    """What the sender calls the file, for showing only: ``filename``, in base64, of some pairs."""
    pairs = (pair.split(" ") for pair in metadata.split(","))
    named = next((pair[1] for pair in pairs if pair[0] == "filename" and len(pair) == 2), "")
    try:
        return base64.b64decode(named, validate=True).decode("utf-8", "replace") or "picture"
    except binascii.Error:
        return "picture"


def _state(upload: UnfinishedUpload) -> dict[str, str]:
    return {**_SPOKEN, "Upload-Offset": str(upload.received), **_expires(upload)}


def _expires(upload: UnfinishedUpload) -> dict[str, str]:
    return {"Upload-Expires": format_datetime(upload.touched + unfinished.KEPT_FOR, usegmt=True)}


def _find(store: Store, actor: Actor, token: str) -> UnfinishedUpload:
    with store.reading() as session:
        return unfinished.find(session, actor.name, token)


async def _take_in(request: Request, store: Store, actor: Actor, token: str, offset: int) -> UnfinishedUpload:
    """Put a request's body on the disk as it comes; where the line is lost, what came before stays."""

    def append(offset: int, piece: bytes) -> UnfinishedUpload:
        with store.session() as session:
            return unfinished.append(session, store.folder, actor.name, token, offset, piece)

    piece = bytearray()
    # That the offset is right is known before anything is waited for.
    upload = await run_in_threadpool(append, offset, b"")
    try:
        async for some in request.stream():
            piece += some
            if len(piece) >= _PIECE_BYTES:
                upload = await run_in_threadpool(append, upload.received, bytes(piece))
                piece.clear()
    except (ClientDisconnect, WebError):
        # Lost, or too slow.
        await run_in_threadpool(append, upload.received, bytes(piece))
        raise
    return await run_in_threadpool(append, upload.received, bytes(piece))


async def _keep(workstation: Workstation, actor: Actor, upload: UnfinishedUpload) -> None:
    """Make a photograph of what is whole. Once more does no harm: the same one is kept once."""
    if upload.kept:
        return
    store = workstation.store

    def settle(kept: bool) -> None:
        with store.session() as session:
            if kept:
                unfinished.set_kept(session, store.folder, actor.name, upload.token)
            else:
                unfinished.give_up(session, store.folder, actor.name, upload.token)

    try:
        data = await run_in_threadpool(unfinished.path(store.folder, upload).read_bytes)
    except FileNotFoundError as error:
        # Another request was faster; or a restored backup holds no unfinished files.
        if (await run_in_threadpool(_find, store, actor, upload.token)).kept:
            return
        raise NotFoundError("no_upload") from error
    sent = Content(upload.name, data)
    try:
        await keep_photograph(workstation, actor.name, upload.slide_id, sent)
    except ImageError:
        await run_in_threadpool(settle, False)
        raise
    await run_in_threadpool(settle, True)
