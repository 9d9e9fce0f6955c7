"""``/performance``: what was measured on this laboratory's slides."""

from fastapi import APIRouter

from plasmoscope.analysis.counting import NOT_MEASURED
from plasmoscope.analysis.method import Method
from plasmoscope.analysis.performance import Performance
from plasmoscope.store import performance as performances
from plasmoscope.store.errors import NotFoundError
from plasmoscope.store.records import PerformanceEntry
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import (
    MethodInUse,
    Records,
)
from plasmoscope.web.security.identity import Admin, Reader

router = APIRouter()


@router.get("/performance", tags=["performance"])
def get_performance(actor: Reader, records: Records, method: MethodInUse) -> schemas.PerformanceOut:
    """What was measured on this laboratory's slides; 404 where nothing was, and then no count is corrected."""
    with records.reading() as session:
        entry = performances.latest(session)
        if entry is None:
            raise NotFoundError.of(NOT_MEASURED)
        return _entered(entry, method)


@router.put("/performance", tags=["performance"])
def enter_performance(
    actor: Admin, records: Records, method: MethodInUse, given: Performance
) -> schemas.PerformanceOut:
    """Correct slides with this for wrong calls: the content of the file that ``evaluate-fields`` wrote.

    It is kept with every field that is analysed from now on.
    """
    with records.session() as session:
        return _entered(performances.enter(session, actor.name, given, method), method)


@router.delete("/performance", tags=["performance"], status_code=204)
def withdraw_performance(actor: Admin, records: Records) -> None:
    """Correct slides with nothing; those that are analysed already keep what they have."""
    with records.session() as session:
        performances.withdraw(session, actor.name)


def _entered(entry: PerformanceEntry, method: Method) -> schemas.PerformanceOut:
    misfit = performances.misfit(entry, method)
    return schemas.PerformanceOut(performance=entry.performance, by=entry.by, at=entry.at, misfit=misfit)
