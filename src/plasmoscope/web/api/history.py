"""``/history.csv`` and ``/history.parquet``: a row for each slide."""

import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from plasmoscope.extras import require_extra
from plasmoscope.store.history import Search
from plasmoscope.store.history_table import PARQUET
from plasmoscope.store.records import LONGEST_TEXT, SlideStatus
from plasmoscope.web.dependencies import HeavyWork, Records
from plasmoscope.web.downloads import write_history_file
from plasmoscope.web.security.identity import Reader

router = APIRouter()
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_Text = Annotated[str, Query(max_length=LONGEST_TEXT)]


def search_of(
    patient: _Text = "",
    slide: _Text = "",
    microscopist: _Text = "",
    since: date | None = None,
    until: date | None = None,
    status: SlideStatus | None = None,
) -> Search:
    """What slides a request looks for."""
    return Search(patient, slide, microscopist, since, until, status)


WantedSlides = Annotated[Search, Depends(search_of)]


@router.get("/history.{form}", tags=["slides"], response_class=Response)
async def history(
    actor: Reader,
    workers: HeavyWork,
    records: Records,
    wanted: WantedSlides,
    form: Literal["csv", "parquet"],
) -> Response:
    """The slides that fit as a table, the newest first."""
    if form == PARQUET:
        require_extra(PARQUET, "A table in Parquet")
    folder = Path(tempfile.mkdtemp(prefix="plasmoscope-"))
    try:
        file = await workers.writing.take(write_history_file, records.place, wanted, folder / f"history.{form}")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    sent = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(file, media_type=_MEDIA_TYPES[form], filename=file.name, background=sent)
