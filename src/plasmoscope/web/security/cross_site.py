"""What a request must show before it may change anything: that no page of another site made the browser send it.

Browsers tell of every change which site's page sends it, and no page can forge that; so nothing need be remembered for
it, and pages outlive a new start of the server.
"""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from plasmoscope.web.errors import WebError
from plasmoscope.web.security.identity import bearer

# What programs tell themselves by; a browser lets no page of another site set it.
CLIENT_HEADER = "x-plasmoscope-client"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_change(method: str) -> bool:
    """Whether a request of this method may change something."""
    return method not in _SAFE_METHODS


def check_source(request: HTTPConnection) -> None:
    """Refuse a change that another site's page may have sent (cross-site request forgery).

    A browser says where it comes from in Sec-Fetch-Site, as far as the connection is safe or stays on this machine,
    and in Origin always. Whatever says neither must say that it is a program.

    Raises:
        WebError: 403.
    """
    if request.headers.get(CLIENT_HEADER) or bearer(request):
        return
    site = request.headers.get("sec-fetch-site")
    own = site in {"same-origin", "none"} if site is not None else _is_own(request)
    if not own:
        raise WebError(403, "csrf", "other_site", header=CLIENT_HEADER)


def _is_own(request: HTTPConnection) -> bool:
    """Whether Origin names the address that was asked."""
    try:
        origin = urlsplit(request.headers.get("origin", "")).netloc
    except ValueError:
        return False
    return bool(origin) and origin.lower() == request.headers.get("host", "").lower()
