"""``/panel-results``: how well people, and the program, read slides of known truth."""

from fastapi import APIRouter, Response

from plasmoscope.csv_tables import csv_text
from plasmoscope.store import panel_takings, panels
from plasmoscope.store.store import Store
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import Records
from plasmoscope.web.security.identity import Actor, Reader

router = APIRouter()

_PARTS = ("detection", "sensitivity", "specificity", "species", "counts")
_COLUMNS = ("panel", "training", "reader", "done_at", "level", *(f"{one}_{what}" for one in _PARTS
            for what in ("right", "slides")))  # fmt: skip


@router.get("/panel-results", tags=["quality"])
def list_results(actor: Reader, records: Records) -> list[schemas.PanelResult]:
    """Panels that were read to their end, the newest first: one's own, or for admins all.

    Admins are told of the program's own reading of each panel, too, whose ``reader`` is null.
    """
    return _results(records, actor)


@router.get("/panel-results.csv", tags=["quality"], response_class=Response)
def export_results(actor: Reader, records: Records) -> Response:
    """The same as a table."""
    rows = [_row(one) for one in _results(records, actor)]
    headers = {"Content-Disposition": 'attachment; filename="panel-results.csv"'}
    return Response(csv_text(_COLUMNS, rows), media_type="text/csv; charset=utf-8", headers=headers)


def _results(records: Store, actor: Actor) -> list[schemas.PanelResult]:
    admin = actor.may("admin")
    with records.reading() as session:
        found = [
            schemas.PanelResult.of(taken.panel, taken.taking, taken.score)
            for taken in panel_takings.results(session, None if admin else actor.name)
        ]
        for panel in panels.all_panels(session) if admin else ():
            score = panel_takings.program_score(session, panel)
            if score is not None:
                found.append(schemas.PanelResult.of(panel, None, score))
    return found


def _row(one: schemas.PanelResult) -> list[object]:
    numbers = [number for name in _PARTS for number in (getattr(one, name).right, getattr(one, name).slides)]
    done = one.done_at.isoformat(timespec="seconds") if one.done_at else ""
    return [one.panel, "yes" if one.training else "no", one.reader or "plasmoscope", done, one.level, *numbers]
