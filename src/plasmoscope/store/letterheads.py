"""The laboratory's letterhead, which an admin sets; reports that are made from then on bear it."""

from sqlalchemy.orm import Session

from plasmoscope.reports.letterhead import Letterhead
from plasmoscope.store.choices import choose, chosen

_LETTERHEAD = "letterhead"


def set_letterhead(session: Session, who: str, letterhead: Letterhead) -> None:
    """Have reports bear this letterhead."""
    told = {"name": letterhead.name, "address": list(letterhead.address), "logo": letterhead.logo is not None}
    choose(session, who, _LETTERHEAD, letterhead.model_dump(mode="json"), letterhead=told)


def remove_letterhead(session: Session, who: str) -> None:
    """Have reports bear none."""
    if chosen(session, _LETTERHEAD) is not None:
        choose(session, who, _LETTERHEAD, None)


def letterhead_in_use(session: Session) -> Letterhead | None:
    """What reports bear; None where nothing was set."""
    content = chosen(session, _LETTERHEAD)
    return None if content is None else Letterhead.model_validate(content)
