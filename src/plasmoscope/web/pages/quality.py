"""The quality of the laboratory's work over the weeks."""

from fastapi import APIRouter, Request, Response

from plasmoscope.store.controls import control_charts
from plasmoscope.store.quality import WEEKS, quality
from plasmoscope.store.records import now
from plasmoscope.web.dependencies import Records
from plasmoscope.web.pages.control_drawing import draw_control
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.week_chart import draw_weeks
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Reader

router = APIRouter(dependencies=[Welcomed])


@router.get("/quality")
def show_quality(request: Request, actor: Reader, records: Records) -> Response:
    """Positive slides by week and site, calls that people took back, poor photographs, and control slides."""
    with records.reading() as session:
        found = quality(session, now().astimezone().date())
        charts = control_charts(session)
    return render(
        request,
        "quality.html",
        found=found,
        charts=[(chart, draw_control(chart)) for chart in charts],
        number_of_weeks=WEEKS,
        positive=draw_weeks([(week.monday, week.positive) for week in found.weeks]),
        false_calls=draw_weeks([(week.monday, week.false_calls) for week in found.weeks]),
        poor=draw_weeks([(week.monday, week.poor) for week in found.weeks]),
    )
