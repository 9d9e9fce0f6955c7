"""What an admin chose for the whole laboratory; the latest of a name holds, and earlier ones stay."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from plasmoscope.store.audit import note
from plasmoscope.store.records import Choice


def choose(session: Session, who: str, name: str, content: dict[str, Any] | None, **detail: Any) -> None:
    """Keep a choice; None withdraws it.

    Args:
        detail: what the audit tells of it.
    """
    session.add(Choice(by=who, name=name, content=content))
    session.flush()
    note(session, who, "choose" if content is not None else "withdraw choice", f"choice/{name}", **detail)


def chosen(session: Session, name: str) -> dict[str, Any] | None:
    """What holds; None where nothing was chosen, or it was withdrawn."""
    newest = select(Choice.content).where(Choice.name == name).order_by(Choice.id.desc()).limit(1)
    return session.scalar(newest)
