"""A picture as the answer."""

from fastapi import Response


def picture(content: bytes, media_type: str) -> Response:
    """A picture of a photograph, which never changes under its number; the browser may keep it while it is open."""
    return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=3600"})
