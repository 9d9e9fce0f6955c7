"""The workstation below a path of a proxy's address, such as ``https://hospital.example/malaria``.

Inside, every address is as if it lived at the root. The path is taken off as a request comes in, and put before
wherever an answer leads: by the templates, and here in its headers.
"""

import re
from urllib.parse import urlsplit

from jinja2 import Environment
from jinja2.ext import Extension
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plasmoscope.errors import PlasmoscopeError

_FITTING = re.compile(r"(/[A-Za-z0-9._~-]+)+", re.ASCII)
_ADDRESS = re.compile(r'(\s(?:href|src|action|formaction|data-[a-z-]+)=")(?=/)')
_COOKIE_PATH = re.compile(r"(;\s*path=)/(?=;|$)", re.IGNORECASE)
_LINK = re.compile("(<)(?=/)")


def read_root_path(given: str) -> str:
    """The path as it stands before addresses: ``/malaria`` for ``malaria/``; nothing for ``/``.

    Raises:
        PlasmoscopeError: it is no plain path.
    """
    path = "".join(f"/{part}" for part in given.split("/") if part)
    if path and (not _FITTING.fullmatch(path) or {".", ".."} & set(path.split("/"))):
        raise PlasmoscopeError(f"'{given}' is no path to serve below; use letters, digits and hyphens, as in /malaria.")
    return path


class RootPath:
    """Takes the path off requests and puts it into answers' headers; a proxy may pass it on or take it off itself."""

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app = app
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if f"{scope['path']}/".startswith(f"{self._root}/"):
            scope = {**scope, "path": scope["path"].removeprefix(self._root) or "/"}

        async def leading_back(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._lead_below(MutableHeaders(scope=message), host)
            await send(message)

        await self._app(scope, receive, leading_back)

    def _lead_below(self, headers: MutableHeaders, host: str) -> None:
        if (location := headers.get("location")) is not None:
            place = urlsplit(location)
            # The framework's own redirections name this host.
            if place.netloc in {"", host} and place.path.startswith("/"):
                headers["location"] = place._replace(scheme="", netloc="", path=self._root + place.path).geturl()
        if (link := headers.get("link")) is not None:
            headers["link"] = _LINK.sub(rf"\g<1>{self._root}", link)
        if cookies := headers.getlist("set-cookie"):
            del headers["set-cookie"]
            for cookie in cookies:
                headers.append("set-cookie", _COOKIE_PATH.sub(rf"\g<1>{self._root}", cookie))


class BelowRoot(Extension):
    """Puts the path, the template's global ``root``, before each address that a template has written out."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The template's source with its addresses below the path."""
        return _ADDRESS.sub(r"\g<1>{{ root }}", source)


def put_below(templates: Environment, root: str) -> None:
    """Have templates put the path before their addresses."""
    templates.globals["root"] = root
    templates.add_extension(BelowRoot)
