"""Names that addresses had in the version before: they answer for one version more, and say what to ask instead."""

from typing import Any

from fastapi import Depends, Request, Response

# 26 November 2026, as RFC 9745 writes a date.
_SINCE = "@1795651200"


def formerly(name: str) -> Any:
    """For an address whose last part is a former name: the headers that tell programs of it (RFC 9745, RFC 8288).

    Args:
        name: what stands in its place now.
    """

    # Not in a thread: it waits for nothing.
    async def tell(request: Request, response: Response) -> None:
        parent = request.url.path.rpartition("/")[0]
        response.headers["Deprecation"] = _SINCE
        response.headers["Link"] = f'<{parent}/{name}>; rel="successor-version"'

    return Depends(tell)
