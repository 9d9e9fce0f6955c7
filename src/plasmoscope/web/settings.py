"""How a workstation is run."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from plasmoscope.imaging.reading import MAX_BYTES

if TYPE_CHECKING:
    from plasmoscope.web.security.openid import Provider


@dataclass(frozen=True)
class Settings:
    """What a laboratory decides when it starts the workstation."""

    folder: Path
    """Holds photographs and, without ``database_url``, the database."""
    database_url: str | None = None
    """Of a PostgreSQL database."""
    host: str = "127.0.0.1"
    model: Path | None = None
    """Instead of the one that ships."""
    workers: int = 1
    """Photographs analysed at once."""
    longest_queue: int = 200
    """Photographs that may wait for analysis; more are refused for the moment."""
    secure_cookies: bool = False
    """The page is reached by https alone, through a proxy."""
    root_path: str = ""
    """Below which path of the proxy's address the page lives, such as ``/malaria`` (``root_path.read_root_path``)."""
    strict_sites: bool = False
    """An account that belongs to no site sees no slide, instead of all."""

    watch: Path | None = None
    """A folder into which a microscope's camera saves."""
    watch_sites: tuple[str, ...] = ()
    """The sites that this camera serves; none: all."""
    idle_minutes: float = 0
    """After so long without an act the page is locked until the same person gives their password; 0: never."""
    erase_after_days: float | None = None
    """After so long deleted slides are erased; None: never by themselves."""
    access_log: str = ""
    """File for a line about each request; ``-``: the standard output; nothing: none."""
    oidc: "Provider | None" = None
    """Where people may log in instead of with a password of the workstation's own."""

    @property
    def accounts_required(self) -> bool:
        """Whether people must log in: wherever others can reach the page, if only through a proxy."""
        return self.secure_cookies or not is_loopback(self.host)


# Of one request: a photograph, and some hundred single cells, with their wrapping.
MAX_BODY = MAX_BYTES + 1024**2
MAX_CELLS = 500
SESSION_HOURS = 12


def is_unspecified(host: str) -> bool:
    """Whether an address stands for all of this machine's."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
