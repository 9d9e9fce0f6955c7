"""What this laboratory measured on its own slides: entered by an admin, kept with every field that is analysed then."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from plasmoscope.analysis.method import Method
from plasmoscope.analysis.performance import Performance, PerformanceError
from plasmoscope.store.audit import note
from plasmoscope.store.days import past_day
from plasmoscope.store.records import PerformanceEntry

_SUBJECT = "performance"


def enter(session: Session, who: str, performance: Performance, method: Method) -> PerformanceEntry:
    """Correct with this the slides whose fields are analysed from now on.

    Args:
        method: how fields are analysed here.

    Raises:
        PerformanceError: it says too little, or does not hold for this method.
        StoreError: it says that it was measured on a day to come.
    """
    past_day(performance.measured_on)
    performance.check(method.model_sha256, method.threshold, method.views, method.profile)
    return _enter(session, who, performance)


def withdraw(session: Session, who: str) -> None:
    """Correct with nothing the slides whose fields are analysed from now on."""
    if latest(session) is not None:
        _enter(session, who, None)


def latest(session: Session) -> PerformanceEntry | None:
    """What was entered last; None where that was nothing, or was withdrawn."""
    entry = session.scalar(select(PerformanceEntry).order_by(PerformanceEntry.id.desc()).limit(1))
    return entry if entry and entry.content is not None else None


def misfit(entry: PerformanceEntry, method: Method) -> str | None:
    """Why what was entered does not hold for a method, such as that of a later version; None where it does."""
    try:
        entry.performance.check(method.model_sha256, method.threshold, method.views, method.profile)
    except PerformanceError as error:
        return str(error)
    return None


def as_measured(session: Session, method: Method) -> Method:
    """A method with what was measured here for it."""
    entry = latest(session)
    if entry is None or misfit(entry, method):
        return method
    return method.model_copy(update={"performance": entry.performance})


def _enter(session: Session, who: str, performance: Performance | None) -> PerformanceEntry:
    content = performance.model_dump(mode="json") if performance else None
    entry = PerformanceEntry(by=who, content=content)
    session.add(entry)
    session.flush()
    note(session, who, "measure" if content else "withdraw", _SUBJECT, performance=content)
    return entry
