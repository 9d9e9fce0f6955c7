"""Recording a slide and changing its details."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response

from plasmoscope.messages import mark
from plasmoscope.store import history, patients, slides
from plasmoscope.store.days import today
from plasmoscope.store.errors import TakenError
from plasmoscope.store.sites import known_sites, seen_sites
from plasmoscope.store.store import Store
from plasmoscope.web.dependencies import KnownSessions, Number, Records, SettingsInForce
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.slide_form import SlideBoxes, SlideForm, filled, read_form, settle_patient
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Technician

router = APIRouter(dependencies=[Welcomed])

_Suggested = Literal["site", "preparer", "microscopist", "stain"]
_SUGGESTED: tuple[_Suggested, ...] = ("site", "preparer", "microscopist", "stain")
_TAKEN = mark("This patient has a slide with this ID already.")


@router.get("/slides/new")
def new_slide(request: Request, actor: Technician, records: Records, patient: str = "", code: str = "") -> Response:
    """An empty form, with today's date."""
    # Whoever belongs to one site alone need not name it.
    site = next(iter(actor.sites)) if actor.sites and len(actor.sites) == 1 else ""
    values = {"taken_on": today().isoformat(), "patient": patient, "code": code, "site": site}
    return _show(request, records, SlideForm(values, {}, None))


@router.post("/slides")
def create_slide(
    request: Request,
    actor: Technician,
    records: Records,
    settings: SettingsInForce,
    sessions: KnownSessions,
    boxes: Annotated[SlideBoxes, Form()],
) -> Response:
    """Record a new slide."""
    form = _read(records, boxes)
    if form.details is None:
        return _show(request, records, form)
    try:
        with records.session() as session:
            slide_id = slides.create_slide(session, actor.name, form.details).id
    except TakenError:
        return _show(request, records, SlideForm(form.values, {"code": _TAKEN}, None))
    answer = go(f"/slides/{slide_id}")
    if form.details.microscopist and not settings.accounts_required:
        # Whoever works alone is known by the name that they give here.
        sessions.keep_name(answer.headers, form.details.microscopist)
    return answer


@router.get("/slides/{slide_id}/details")
def show_details(request: Request, actor: Technician, records: Records, slide_id: Number) -> Response:
    """The form with what is known of a slide."""
    with records.reading() as session:
        form = filled(slides.details_of(slides.get_slide(session, slide_id)))
    return _show(request, records, form, slide_id)


@router.post("/slides/{slide_id}/details")
def change_details(
    request: Request, actor: Technician, records: Records, slide_id: Number, boxes: Annotated[SlideBoxes, Form()]
) -> Response:
    """Describe a slide anew."""
    form = _read(records, boxes)
    if form.details is None:
        return _show(request, records, form, slide_id)
    try:
        with records.session() as session:
            slides.update_slide(session, actor.name, slide_id, form.details)
    except TakenError:
        return _show(request, records, SlideForm(form.values, {"code": _TAKEN}, None), slide_id)
    return go(f"/slides/{slide_id}")


def _read(records: Store, boxes: SlideBoxes) -> SlideForm:
    form = read_form(boxes)
    if form.details is None:
        return form
    with records.reading() as session:
        twins = patients.twins_of_code(session, form.details.patient)
    return settle_patient(form, [twin.code for twin in twins])


def _show(request: Request, records: Store, form: SlideForm, slide_id: int | None = None) -> Response:
    with records.reading() as session:
        known: dict[str, Sequence[str]] = {what: history.known_values(session, what) for what in _SUGGESTED}
        own = seen_sites(session)
        known["site"] = [*dict.fromkeys((*known["site"], *known_sites(session)))] if own is None else sorted(own)
    here = "/slides/new" if slide_id is None else f"/slides/{slide_id}/details"
    status = 422 if form.errors else 200
    return render(request, "slide_form.html", status, here=here, form=form, known=known, slide_id=slide_id)
