"""Where a page sends the browser on to, which is never another site."""

from fastapi.responses import RedirectResponse


def go(address: str) -> RedirectResponse:
    """Send the browser on to a page of ours, after a form or in place of another page."""
    return RedirectResponse(own(address), 303)


def own(address: str) -> str:
    """An address on this workstation; the first page in place of any other."""
    foreign = not address.startswith("/") or address.startswith("//") or "\\" in address or not address.isprintable()
    return "/" if foreign else address
