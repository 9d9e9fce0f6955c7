"""On which a laboratory teaches the program its own stain."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response

from plasmoscope.classification.adaptation import LEAST_CELLS, LEAST_OF_A_KIND
from plasmoscope.store import profiles
from plasmoscope.store.records import LONGEST_TEXT
from plasmoscope.store.taught import how_many_taught
from plasmoscope.web.dependencies import PlainMethod, Records, TeacherOfProfiles
from plasmoscope.web.pages.redirects import go
from plasmoscope.web.pages.rendering import render
from plasmoscope.web.pages.welcome import Welcomed
from plasmoscope.web.security.identity import Admin, Reader, Technician

router = APIRouter(dependencies=[Welcomed])

_PAGE = "/profiles"
_Name = Annotated[str, Path(max_length=LONGEST_TEXT)]


@router.get(_PAGE)
def show_profiles(
    request: Request, actor: Reader, records: Records, method: PlainMethod, teacher: TeacherOfProfiles
) -> Response:
    """What is in use, what could be learnt, and what each profile would change."""
    with records.reading() as session:
        infected, others = how_many_taught(session)
        entries = profiles.entries(session)
    in_use = next((entry for entry in entries if entry.in_use), None)
    # The newest of each name comes first, and is the one that is switched on or taken back.
    last = {entry.name: entry.id for entry in reversed(entries)}
    making = teacher.making
    return render(
        request,
        "profiles.html",
        entries=entries,
        changeable=set(last.values()),
        unfit={entry.id for entry in entries if profiles.misfit(entry, method)},
        in_use=in_use,
        infected=infected,
        others=others,
        least_cells=LEAST_CELLS,
        least_of_a_kind=LEAST_OF_A_KIND,
        making=making if making and not making.refusal else None,
        refused=making if making and making.refusal else None,
    )


@router.post(_PAGE)
def make_profile(
    actor: Technician, teacher: TeacherOfProfiles, name: Annotated[str, Form(max_length=LONGEST_TEXT)]
) -> Response:
    """Begin to make a profile."""
    teacher.begin(actor.name, name.strip())
    return go(_PAGE)


@router.post(f"{_PAGE}/switch-off")
def switch_off(actor: Admin, records: Records) -> Response:
    """Call as the model does by itself."""
    with records.session() as session:
        profiles.switch_off(session, actor.name)
    return go(_PAGE)


@router.post(f"{_PAGE}/{{name}}/switch-on")
def switch_on(actor: Admin, records: Records, method: PlainMethod, name: _Name) -> Response:
    """Call under a profile."""
    with records.session() as session:
        profiles.switch_on(session, actor.name, name, method)
    return go(_PAGE)


@router.post(f"{_PAGE}/{{name}}/undo")
def undo(actor: Admin, records: Records, name: _Name) -> Response:
    """Take the last version back."""
    with records.session() as session:
        profiles.undo(session, actor.name, name)
    return go(_PAGE)
