"""Profiles of this laboratory's stain: made of corrected cells, switched on and off, taken back; at most one is in use.

Photographs are called under it from then on, and keep which it was. Every step is in the audit.
"""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from plasmoscope.analysis.method import Method
from plasmoscope.classification.profile import Profile, ProfileError, UsedProfile, check_name
from plasmoscope.store.audit import note
from plasmoscope.store.errors import NotFoundError
from plasmoscope.store.records import ProfileEntry


def entries(session: Session) -> Sequence[ProfileEntry]:
    """All that were not taken back, the newest first."""
    kept = select(ProfileEntry).where(~ProfileEntry.taken_back)
    return session.scalars(kept.order_by(ProfileEntry.id.desc())).all()


def get_entry(session: Session, name: str) -> ProfileEntry:
    """The last version of a profile.

    Raises:
        NotFoundError: there is none of this name.
    """
    entry = _last(session, name)
    if entry is None:
        raise NotFoundError("no_profile", profile=name)
    return entry


def next_version(session: Session, name: str) -> int:
    """What the next profile of a name is numbered; no number is given twice.

    Raises:
        ProfileError: no profile can have this name.
    """
    check_name(name)
    last = session.scalar(select(func.max(ProfileEntry.version)).where(ProfileEntry.name == name))
    return (last or 0) + 1


def keep(session: Session, who: str, profile: Profile) -> ProfileEntry:
    """Keep a profile, not in use yet."""
    entry = ProfileEntry(
        by=who,
        name=profile.name,
        version=profile.version,
        sha256=profile.sha256,
        content=profile.model_dump(mode="json"),
    )
    session.add(entry)
    session.flush()
    cells = {"infected": profile.infected, "others": profile.uninfected}
    _note(session, who, "teach", entry, **cells, **profile.trial.model_dump())
    return entry


def switch_on(session: Session, who: str, name: str, method: Method) -> ProfileEntry:
    """Call photographs under the last version of a profile from now on, and under no other.

    Args:
        method: how photographs are analysed here.

    Raises:
        NotFoundError: there is none of this name.
        ProfileError: it was made for another model.
    """
    entry = get_entry(session, name)
    entry.profile.check(method.model_sha256)
    session.execute(update(ProfileEntry).where(ProfileEntry.id != entry.id).values(in_use=False))
    entry.in_use = True
    _note(session, who, "switch on", entry)
    return entry


def switch_off(session: Session, who: str) -> None:
    """Call photographs as the model does by itself from now on."""
    entry = _in_use(session)
    if entry is not None:
        entry.in_use = False
        _note(session, who, "switch off", entry)


def undo(session: Session, who: str, name: str) -> ProfileEntry | None:
    """Take back the last version of a profile; results that it touched keep its name and hash.

    Where it was in use the version before it is from now on, or none.

    Returns:
        The version that is the last one now; None where there is none.

    Raises:
        NotFoundError: there is none of this name.
    """
    entry = get_entry(session, name)
    was_in_use, entry.in_use, entry.taken_back = entry.in_use, False, True
    session.flush()
    before = _last(session, name)
    again = {}
    if before is not None and was_in_use:
        before.in_use = True
        again = {"in_use_again": before.version}
    _note(session, who, "take back", entry, **again)
    return before


def in_use(session: Session, method: Method) -> Profile | None:
    """The profile under which photographs are called; None where none is switched on, or it is another model's."""
    entry = _in_use(session)
    return None if entry is None or misfit(entry, method) else entry.profile


def named(session: Session, name: str | None, method: Method) -> Profile | None:
    """The last version of the profile that is named, or else the one in use.

    Raises:
        NotFoundError: there is none of this name.
        ProfileError: it was made for another model.
    """
    if name is None:
        return in_use(session, method)
    profile = get_entry(session, name).profile
    profile.check(method.model_sha256)
    return profile


def misfit(entry: ProfileEntry, method: Method) -> str | None:
    """Why a profile is not used by a method, such as that of a later version; None where it can be."""
    try:
        entry.profile.check(method.model_sha256)
    except ProfileError as error:
        return str(error)
    return None


def by_use(session: Session, used: UsedProfile | None) -> Profile | None:
    """The profile that touched a result, also if it was taken back since; None where none did, or none such is kept."""
    if used is None:
        return None
    entry = session.scalar(select(ProfileEntry).where(ProfileEntry.sha256 == used.sha256).limit(1))
    return entry.profile if entry else None


def _in_use(session: Session) -> ProfileEntry | None:
    return session.scalar(select(ProfileEntry).where(ProfileEntry.in_use))


def _last(session: Session, name: str) -> ProfileEntry | None:
    of_name = select(ProfileEntry).where(ProfileEntry.name == name, ~ProfileEntry.taken_back)
    return session.scalar(of_name.order_by(ProfileEntry.version.desc()).limit(1))


def _note(session: Session, who: str, action: str, entry: ProfileEntry, **detail: int) -> None:
    note(session, who, action, f"profile/{entry.name}", version=entry.version, sha256=entry.sha256, **detail)
