"""Fetching the NIH archive from its official place, with resume and checksum."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.progress import Track, untracked

_CHUNK = 1024**2  # bytes; progress is shown in MB
_TIMEOUT_SECONDS = 30


class DownloadError(PlasmoscopeError):
    """The archive could not be fetched whole; what arrived is kept for the next try."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web, with what it must be."""

    url: str
    size: int
    sha256: str


NIH_CELLS = RemoteFile(
    url="https://data.lhncbc.nlm.nih.gov/public/Malaria/cell_images.zip",
    size=353_452_851,
    sha256="0a949556b2414159b5100192609805376654c4266d8d187be9b1922fad43c668",
)


def download(remote: RemoteFile, file: Path, track: Track = untracked) -> Path:
    """Fetch a file, going on where an earlier try stopped; a whole one is not fetched again.

    Args:
        file: where it goes. Until it is whole and checked, it is named ``<file>.part``.

    Raises:
        DownloadError: offline, refused, cut short, or not the file expected.
    """
    if file.exists() and _is(remote, file):
        return file
    unfinished = file.with_name(file.name + ".part")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(remote, unfinished, track)
    except HTTPError as error:
        raise DownloadError(f"{remote.url} answered {error.code} ({error.reason}). Try again later.") from error
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise DownloadError(
            f"{remote.url} could not be reached ({getattr(error, 'reason', error)}). Check the connection and run the "
            "same command again: it goes on where it stopped. Offline, copy cell_images.zip from another computer "
            "and name it with --data."
        ) from error
    size = unfinished.stat().st_size
    if size < remote.size:
        raise DownloadError(
            f"The connection ended after {size:,} of {remote.size:,} bytes. Run the same command again to go on."
        )
    if not _is(remote, unfinished):
        unfinished.unlink()
        raise DownloadError(
            f"What {remote.url} sent is not the expected file (size or SHA-256 differ) and was removed. Try again; "
            "if it happens twice, the archive has changed and should not be trusted unseen."
        )
    unfinished.replace(file)
    return file


def _fetch(remote: RemoteFile, unfinished: Path, track: Track) -> None:
    have = unfinished.stat().st_size if unfinished.exists() else 0
    if have >= remote.size:
        return
    request = Request(remote.url, headers={"Range": f"bytes={have}-"} if have else {})
    with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
        # A server that ignores the range sends the whole file again.
        resumed = answer.status == 206

        def chunks() -> Iterator[bytes]:
            while chunk := answer.read(_CHUNK):
                yield chunk

        left = remote.size - (have if resumed else 0)
        written = 0
        with unfinished.open("ab" if resumed else "wb") as stream:
            for chunk in track(chunks(), -(-left // _CHUNK), "Downloading (MB)"):
                written += len(chunk)
                if written > left:
                    break
                stream.write(chunk)


def _is(remote: RemoteFile, file: Path) -> bool:
    if file.stat().st_size != remote.size:
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == remote.sha256
