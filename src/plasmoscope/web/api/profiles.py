"""``/profiles``: what this laboratory taught the program of its own stain."""

from typing import Annotated

from fastapi import APIRouter, Path

from plasmoscope.analysis.method import Method
from plasmoscope.classification.adaptation import LEAST_CELLS, LEAST_OF_A_KIND
from plasmoscope.classification.profile import Profile
from plasmoscope.store import profiles
from plasmoscope.store.records import LONGEST_TEXT, ProfileEntry
from plasmoscope.store.store import Store
from plasmoscope.store.taught import how_many_taught
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import PlainMethod, Records, TeacherOfProfiles
from plasmoscope.web.security.identity import Admin, Reader, Technician

router = APIRouter(prefix="/profiles", tags=["profiles"])

_Name = Annotated[str, Path(max_length=LONGEST_TEXT)]


@router.get("")
def list_profiles(
    actor: Reader, records: Records, method: PlainMethod, teacher: TeacherOfProfiles
) -> schemas.ProfilesOut:
    """The profiles, the newest first; the cells that another could be made of; and what is being made."""
    with records.reading() as session:
        infected, others = how_many_taught(session)
        shown = [_shown(entry, method) for entry in profiles.entries(session)]
    making = teacher.making
    return schemas.ProfilesOut(
        profiles=shown,
        infected=infected,
        others=others,
        least_cells=LEAST_CELLS,
        least_of_a_kind=LEAST_OF_A_KIND,
        making=schemas.MakingOut.model_validate(making) if making else None,
    )


@router.post("", status_code=202)
def make_profile(actor: Technician, teacher: TeacherOfProfiles, given: schemas.ProfileIn) -> schemas.MakingOut:
    """Begin to make a profile of all cells that people called; it is listed once it is made, and not in use yet."""
    return schemas.MakingOut.model_validate(teacher.begin(actor.name, given.name))


@router.post("/switch-off", status_code=204)
def switch_off(actor: Admin, records: Records) -> None:
    """Call photographs as the model does by itself from now on."""
    with records.session() as session:
        profiles.switch_off(session, actor.name)


@router.post("/{name}/switch-on")
def switch_on(actor: Admin, records: Records, method: PlainMethod, name: _Name) -> schemas.ProfileOut:
    """Call photographs under the last version of a profile from now on, and under no other."""
    with records.session() as session:
        return _shown(profiles.switch_on(session, actor.name, name, method), method)


@router.post("/{name}/undo", status_code=204)
def undo(actor: Admin, records: Records, name: _Name) -> None:
    """Take back the last version of a profile; if it was in use the one before it is, or none."""
    with records.session() as session:
        profiles.undo(session, actor.name, name)


def named_profile(store: Store, name: str | None, method: Method) -> Profile | None:
    """``profiles.named``, in a view of the records of its own."""
    with store.reading() as session:
        return profiles.named(session, name, method)


def _shown(entry: ProfileEntry, method: Method) -> schemas.ProfileOut:
    misfit = profiles.misfit(entry, method)
    return schemas.ProfileOut(profile=entry.profile, by=entry.by, at=entry.at, in_use=entry.in_use, misfit=misfit)
