"""Comparing the records with the files on disk, and mending what a crash left behind."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from plasmoscope.progress import Track, untracked
from plasmoscope.store.chain import Chain, verify
from plasmoscope.store.fields import requeue_interrupted
from plasmoscope.store.locking import hold_fields
from plasmoscope.store.records import Field, Slide
from plasmoscope.store.store import Store


@dataclass(frozen=True)
class Findings:
    """What was wrong; empty where all is well."""

    orphans: tuple[Path, ...]
    """Files that no field needs, such as of an upload that was cut off. They were removed."""
    missing: tuple[str, ...]
    """Fields whose photograph is gone. Uploading it again brings it back."""
    damaged: tuple[str, ...]
    """Fields whose photograph was altered; it was set aside. Uploading it again brings it back."""
    interrupted: int
    """Fields whose analysis was cut off. They are in the queue again."""
    audit: Chain
    """Whether the audit is what was written."""

    @property
    def all_well(self) -> bool:
        """Whether nothing was found."""
        return self.audit.whole and not (self.orphans or self.missing or self.damaged or self.interrupted)


def examine(store: Store, track: Track = untracked, noted_head: str | None = None) -> Findings:
    """Look through all records and photographs and mend what can be mended.

    Uploads may go on meanwhile. A field that is being analysed just now is analysed once more.

    Args:
        noted_head: ``Findings.audit.head`` of an earlier time, kept where nobody who may write to the database can.
    """
    with store.reading() as session:
        audit = verify(session, noted_head)
        fields = session.scalars(select(Field).order_by(Field.id)).all()
        slides = {slide.id: slide for slide in session.scalars(select(Slide))}
    users: dict[str, list[str]] = {}
    for field in fields:
        slide = slides[field.slide_id]
        place = f"{field.name} on slide {slide.code} of patient {slide.patient.code}"
        users.setdefault(field.image_sha256, []).append(place)
    missing: list[str] = []
    damaged: list[str] = []
    for sha256, places in track(users.items(), len(users), "Checking photographs"):
        if not store.images.path(sha256).exists():
            missing += places
        elif not store.images.is_whole(sha256):
            store.images.set_aside(sha256)
            damaged += places
    with store.session() as session:
        hold_fields(session)
        needed = set(session.scalars(select(Field.image_sha256)))
        orphans = sorted(file for file in store.images.files() if file.name not in needed)
        for file in orphans:
            file.unlink()
        interrupted = requeue_interrupted(session)
    return Findings(tuple(orphans), tuple(missing), tuple(damaged), interrupted, audit)
