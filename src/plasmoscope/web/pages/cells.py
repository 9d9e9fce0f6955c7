"""The page for pictures of single cells, of which nothing is kept."""

from fastapi import APIRouter, Request, Response

from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.script_messages import script_messages
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Reader

router = APIRouter(dependencies=[Welcomed])


@router.get("/cells")
def show_single_cells(request: Request, actor: Reader) -> Response:
    """Pictures of single cells."""
    return render(request, "cells.html", said=script_messages(request))
