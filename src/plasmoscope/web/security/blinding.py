"""Nobody sees another's reading of a slide before all are done, at whatever address.

Every address that names a slide, or a photograph of one, is closed to those who may not see it yet: it is enough that
it names them as all do, ``{slide_id}`` and ``{field_id}``. What tells nothing of a slide's content names it otherwise.
"""

from collections.abc import Callable

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from plasmoscope.store.blinding import check_may_see, check_may_see_field
from plasmoscope.store.store import Store
from plasmoscope.web.dependencies import workstation_of
from plasmoscope.web.errors import WebError
from plasmoscope.web.security.identity import Actor
from plasmoscope.web.settings import Settings

_CHECKS: dict[str, Callable[[Session, str, int], None]] = {"slide_id": check_may_see, "field_id": check_may_see_field}


async def _check(request: Request) -> None:
    actor: Actor | None = request.state.actor
    # Whoever has to log in, and what is no number, is refused by others.
    named = {name: request.path_params.get(name, "") for name in _CHECKS}
    wanted = {name: int(number) for name, number in named.items() if number.isdecimal() and int(number) < 2**31}
    if actor is not None and wanted:
        await run_in_threadpool(_check_all, workstation_of(request).store, actor.name, wanted)


def _check_all(store: Store, who: str, wanted: dict[str, int]) -> None:
    with store.reading() as session:
        for name, number in wanted.items():
            _CHECKS[name](session, who, number)


Unblinded = Depends(_check)
"""For every address."""


def check_accounts(settings: Settings) -> None:
    """See that people log in here, so that one can be kept from seeing another's result.

    Raises:
        WebError: 409.
    """
    if not settings.accounts_required:
        raise WebError(409, "conflict", "readings_need_accounts")
