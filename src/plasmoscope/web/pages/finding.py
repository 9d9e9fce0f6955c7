"""What a barcode scanner reads, or a person types, leads to the slide or the patient that has this ID."""

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request, Response

from plasmoscope.store import history
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.web.dependencies import Records
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Reader

router = APIRouter(dependencies=[Welcomed])


@router.get("/find")
def find(
    request: Request, actor: Reader, records: Records, code: Annotated[str, Query(max_length=LONGEST_TEXT)] = ""
) -> Response:
    """Go to what has this ID; where several slides have it, to their list."""
    # Scanners may send signs that cannot be seen.
    wanted = " ".join("".join(letter if letter.isprintable() else " " for letter in code).split())
    if not wanted:
        return go("/")
    with records.reading() as session:
        found = history.having_code(session, wanted)
    if len(found.slides) == 1:
        return go(f"/slides/{found.slides[0].id}")
    if found.slides:
        return go(f"/?{urlencode({'slide': wanted})}")
    if found.patient is not None:
        return go(f"/patients/{quote(found.patient.code, safe='')}")
    return render(request, "not_found.html", 404, code=wanted)
