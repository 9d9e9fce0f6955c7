"""Which slides somebody sees: those of the sites that their account belongs to.

This is the one place where that is checked. A session of ``Store.seen_by`` finds no other slide, and nothing of one,
whatever is asked: its queries are narrowed here, for pages, interface, pictures, lists and files alike.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from sqlalchemy import event, select, union
from sqlalchemy.orm import LoaderCriteriaOption, ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql.elements import ColumnElement

from plasmoscope.store.errors import ConflictError, NotFoundError, StoreError
from plasmoscope.store.names import alike
from plasmoscope.store.records import (
    LONGEST_TEXT,
    Account,
    Correction,
    Edit,
    Field,
    Look,
    Patient,
    Slide,
    SlideReading,
    UnfinishedUpload,
    storable,
)

Sites = frozenset[str]
ON_ALL_SITES: dict[str, Any] = {"on_all_sites": True}
"""Execution options of the few queries that must know of what the person does not see."""
MOST_SITES = 50
"""Of one account."""
_KEY = "sites"
# Aliases of what queries may name, so that nothing in a criterion is taken for that.
_SLIDES, _FIELDS, _PATIENTS = (
    entity.__table__.alias(f"any_{entity.__tablename__}") for entity in (Slide, Field, Patient)
)


def narrow(session: Session, sites: Sites) -> None:
    """Let a session find the slides of these sites only, and what belongs to them."""
    session.info[_KEY] = sites
    options = _criteria(sites)

    @event.listens_for(session, "do_orm_execute")
    def _narrowed(state: ORMExecuteState) -> None:
        if not state.execution_options.get("on_all_sites") and not state.is_column_load:
            state.statement = state.statement.options(*options)


def sites_of(account: Account, strict: bool) -> Sites | None:
    """The sites whose slides an account sees; None where it sees all.

    Args:
        strict: an account without a site sees nothing; else it sees all.
    """
    if account.role == "admin" or (not account.sites and not strict):
        return None
    return frozenset(account.sites)


def seen_sites(session: Session) -> Sites | None:
    """The sites that a session is narrowed to; None where it sees all."""
    sites: Sites | None = session.info.get(_KEY)
    return sites


def check_seen(session: Session, slide_id: int) -> None:
    """Refuse whatever is asked of a slide that is not seen, or, in a narrowed session, not there.

    Raises:
        NotFoundError: it is of another site.
    """
    if seen_sites(session) is not None and session.get(Slide, slide_id) is None:
        raise NotFoundError("no_slide", slide=str(slide_id))


def check_all_seen(session: Session, patient_ids: Sequence[int]) -> None:
    """Refuse what would change slides of these patients that are not seen.

    Raises:
        ConflictError: some are of other sites.
    """
    sites = seen_sites(session)
    if sites is not None:
        others = select(Slide.id).where(Slide.patient_id.in_(patient_ids), Slide.site.not_in(sites)).limit(1)
        if session.scalar(others.execution_options(**ON_ALL_SITES)) is not None:
            raise ConflictError("patients_of_other_sites")


def site_to_write(session: Session, site: str) -> str:
    """The site under which a slide is kept: as it is known where it looks like a known one, and one's own.

    Raises:
        StoreError: it is not one's own, so that the slide would be lost to who wrote it.
    """
    sites = seen_sites(session)
    if sites is None:
        return spelled(site, known_sites(session)) if site else site
    if not sites:
        raise StoreError("no_site_of_yours")
    if not site and len(sites) == 1:
        return next(iter(sites))
    found = spelled(site, sites)
    if found not in sites:
        raise StoreError("site_not_yours", sites=", ".join(sorted(sites)), site=site)
    return found


def known_sites(session: Session) -> Sequence[str]:
    """The sites that accounts belong to."""
    return sorted({site for sites in session.scalars(select(Account.sites)) for site in sites})


def spelled(site: str, known: Iterable[str]) -> str:
    """A site as it is written where it is known, if in other capitals, say."""
    return next((one for one in known if alike(one) == alike(site)), site)


def given_sites(session: Session, given: Sequence[str]) -> list[str]:
    """Sites as an account keeps them: each once, as they are known.

    Raises:
        StoreError: they are too many, or one is too long.
    """
    known = known_sites(session)
    used = session.scalars(select(Slide.site).distinct()).all()
    sites: list[str] = []
    for text in given:
        site = spelled(" ".join(storable(text).split()), (*sites, *known, *used))
        if site and site not in sites:
            sites.append(site)
    if len(sites) > MOST_SITES or any(len(site) > LONGEST_TEXT for site in sites):
        raise StoreError("sites_given", most=MOST_SITES, length=LONGEST_TEXT)
    return sites


def _criteria(sites: Sites) -> list[LoaderCriteriaOption]:
    # As functions of what is asked, so that they hold for each table of a query that names one twice. SQLAlchemy keeps
    # what they give and puts the names in anew each time; so they use them directly, and otherwise only what is fixed.
    names = sorted(sites)

    def slide_is_seen(slide: Any) -> ColumnElement[bool]:
        return cast("ColumnElement[bool]", slide.site.in_(names))

    def of_seen_slide(entity: Any) -> ColumnElement[bool]:
        seen = select(_SLIDES.c.id).where(_SLIDES.c.site.in_(names))
        return cast("ColumnElement[bool]", entity.slide_id.in_(seen))

    def of_seen_field(entity: Any) -> ColumnElement[bool]:
        seen = select(_SLIDES.c.id).where(_SLIDES.c.site.in_(names))
        return cast(
            "ColumnElement[bool]", entity.field_id.in_(select(_FIELDS.c.id).where(_FIELDS.c.slide_id.in_(seen)))
        )

    def patient_is_seen(patient: Any) -> ColumnElement[bool]:
        theirs = select(_SLIDES.c.patient_id).where(_SLIDES.c.site.in_(names))
        # Whom those patients were merged into, and who was merged into them.
        into = select(_PATIENTS.c.merged_into_id).where(
            _PATIENTS.c.id.in_(theirs), _PATIENTS.c.merged_into_id.is_not(None)
        )
        merged = select(_SLIDES.c.merged_from_id).where(
            _SLIDES.c.site.in_(names), _SLIDES.c.merged_from_id.is_not(None)
        )
        return cast("ColumnElement[bool]", patient.id.in_(union(theirs, into, merged)))

    seen: list[tuple[type[Any], Callable[[Any], ColumnElement[bool]]]] = [
        (Slide, slide_is_seen),
        (Patient, patient_is_seen),
        *((entity, of_seen_slide) for entity in (Field, SlideReading, UnfinishedUpload)),
        *((entity, of_seen_field) for entity in (Correction, Edit, Look)),
    ]
    return [with_loader_criteria(entity, fits, include_aliases=True) for entity, fits in seen]
