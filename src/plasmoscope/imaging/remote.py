"""Pictures and tables in object stores, by fsspec: ``s3://``, ``gs://``, ``abfs://``, ``sftp://`` and others."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.imaging.reading import ImageError, read_limited

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

EXTRA = "remote"


class RemoteError(PlasmoscopeError):
    """A place elsewhere that cannot be reached, or may not be entered."""


def is_remote(place: object) -> bool:
    """Whether it is an address, such as ``s3://bucket/slides``, and no path on a disk."""
    return "://" in str(place)


@contextmanager
def reached(address: str) -> Iterator[tuple["AbstractFileSystem", str]]:
    """The store of an address, and the path in it.

    Raises:
        MissingExtraError: without fsspec.
        RemoteError: the store's own package is missing, it does not answer, or does not let this user in.
    """
    _require(address.partition("://")[0])
    from fsspec.core import url_to_fs

    try:
        yield url_to_fs(address)
    except ImportError as error:
        raise RemoteError(f"{address} cannot be opened: {error}. Install that package on this machine.") from error
    except (FileNotFoundError, PlasmoscopeError):
        raise
    # Each store's package has errors of its own, for credentials above all.
    except Exception as error:
        raise RemoteError(
            f"{address} cannot be opened ({type(error).__name__}: {error}). Check the address, and that this machine "
            "has the right to it: for s3:// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a role, for gs:// "
            "GOOGLE_APPLICATION_CREDENTIALS, for abfs:// AZURE_STORAGE_CONNECTION_STRING; any option of the store may "
            "be set as FSSPEC_S3_ENDPOINT_URL is."
        ) from error


@cache  # it is asked for each picture
def _require(kind: str) -> None:
    require_extra(EXTRA, f"What lies at {kind}://")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """An image in an object store."""

    name: str
    """Its address."""

    def read(self) -> bytes:
        """The encoded bytes; ImageError where there are none, RemoteError where the store cannot be reached."""
        try:
            with reached(self.name) as (store, path), store.open(path, "rb") as stream:
                return read_limited(stream)
        except FileNotFoundError as error:
            raise ImageError("file_not_opened", detail="there is no such file") from error

    def version(self) -> str:
        """Changes when the image does, as far as the store tells."""
        with reached(self.name) as (store, path):
            return str(store.ukey(path))

    def size(self) -> int:
        """Bytes."""
        with reached(self.name) as (store, path):
            return int(store.size(path))


def addresses_below(address: str) -> list[tuple[str, PurePosixPath]]:
    """All files below a folder, or the address itself if it is a file's; sorted by name.

    Returns:
        The address of each, and its path below the folder.

    Raises:
        RemoteError: there is nothing, or it cannot be looked into.
    """
    with reached(address) as (store, path):
        try:
            found = sorted(store.find(path))
        except FileNotFoundError:
            found = []
        if not found:
            raise RemoteError(f"There is nothing at {address}. Check the address.")
        top = PurePosixPath(path)
        return [(str(store.unstrip_protocol(file)), PurePosixPath(file).relative_to(top)) for file in found]


def open_remote(address: str) -> IO[bytes]:
    """A file to be read here and there, such as an archive."""
    with reached(address) as (store, path):
        stream: IO[bytes] = store.open(path, "rb")
        return stream
