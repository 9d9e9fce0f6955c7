"""The quality of the laboratory's work over the weeks."""

from fastapi import APIRouter, Request, Response

from plasmoscope.analysis.drift import BASE_SLIDES, BASE_WEEKS
from plasmoscope.store.controls import control_charts
from plasmoscope.store.days import today
from plasmoscope.store.quality import WEEKS, quality, take_as_usual
from plasmoscope.web.dependencies import Records
from plasmoscope.web.pages.control_drawing import draw_control
from plasmoscope.web.pages.drift_drawing import draw_drift
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.week_chart import draw_weeks
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Admin, Reader

router = APIRouter(dependencies=[Welcomed])


@router.get("/quality")
def show_quality(request: Request, actor: Reader, records: Records) -> Response:
    """Positive slides by week and site, calls taken back, poor photographs, stain and focus, and control slides."""
    with records.reading() as session:
        found = quality(session, today())
        charts = control_charts(session)
    return render(
        request,
        "quality.html",
        found=found,
        charts=[(chart, draw_control(chart)) for chart in charts],
        number_of_weeks=WEEKS,
        positive=draw_weeks([(week.monday, week.positive) for week in found.weeks]),
        false_calls=draw_weeks([(week.monday, week.false_calls) for week in found.weeks]),
        stain=draw_drift(found.stain),
        focus=draw_drift(found.focus),
        base_slides=BASE_SLIDES,
        base_weeks=BASE_WEEKS,
        poor=draw_weeks([(week.monday, week.poor) for week in found.weeks]),
    )


@router.post("/quality/usual")
def take_this_week_as_usual(actor: Admin, records: Records) -> Response:
    """Tell stain and focus against the slides from this week on."""
    with records.session() as session:
        take_as_usual(session, actor.name, today())
    return go("/quality")
