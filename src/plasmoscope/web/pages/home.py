"""The first page: all slides, or those that fit a search."""

from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import select

from plasmoscope.extras import has_extra
from plasmoscope.store import history
from plasmoscope.store.history_table import PARQUET
from plasmoscope.store.records import LONGEST_TEXT, Slide
from plasmoscope.web.dependencies import Records
from plasmoscope.web.pages import page_data
from plasmoscope.web.pages.paging import PageNumber, paging
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.script_messages import script_messages
from plasmoscope.web.pages.slide_form import read_date
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Reader

router = APIRouter(dependencies=[Welcomed])

_SLIDES_AT_ONCE = 50
_Text = Annotated[str, Query(max_length=LONGEST_TEXT)]


@router.get("/")
def home(
    request: Request,
    actor: Reader,
    records: Records,
    patient: _Text = "",
    slide: _Text = "",
    microscopist: _Text = "",
    since: _Text = "",
    until: _Text = "",
    status: _Text = "",
    page: PageNumber = 1,
) -> Response:
    """All slides, or those that fit a search; a box left empty asks for nothing."""
    wanted = next((known for known in ("open", "signed") if known == status), None)
    search = history.Search(patient, slide, microscopist, read_date(since), read_date(until), wanted)
    with records.reading() as session:
        slides = history.find_slides(session, search, (page - 1) * _SLIDES_AT_ONCE, _SLIDES_AT_ONCE)
        rows = page_data.home_rows(session, slides.slides)
        known = slides.total > 0 or session.scalar(select(Slide.id).limit(1)) is not None
    place = paging(request, page, _SLIDES_AT_ONCE, rows, slides.total)
    query = urlencode({name: value for name, value in asdict(search).items() if value})
    tables = {"csv": "CSV", **({"parquet": "Parquet"} if has_extra(PARQUET) else {})}
    return render(
        request,
        "home.html",
        search=search,
        rows=rows,
        paging=place,
        any=known,
        query=query,
        tables=tables,
        said=script_messages(request),
    )
