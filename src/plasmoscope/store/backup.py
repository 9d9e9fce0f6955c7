"""A copy of everything that can be opened in place of the original, and records made anew from one."""

import shutil
from contextlib import closing
from pathlib import Path

from sqlalchemy import insert, select

from plasmoscope.files import whole_folder
from plasmoscope.progress import Track, untracked
from plasmoscope.store.errors import StoreError
from plasmoscope.store.id_sequences import remember_given
from plasmoscope.store.records import Base, Field
from plasmoscope.store.store import Store

_ROWS_AT_ONCE = 100


def back_up(store: Store, folder: Path, track: Track = untracked) -> None:
    """Copy records and photographs, as they are at one moment, into a new data folder; work may go on meanwhile.

    The copy is a data folder with SQLite, whatever the original's database is: ``Store(folder)`` opens it.

    Raises:
        StoreError: the folder exists, or a photograph is missing.
        FolderInUseError: another command is making this backup.
        OSError: it cannot be written.
    """
    if folder.exists():
        raise StoreError("backup_exists", folder=str(folder))
    with whole_folder(folder) as unfinished:
        # Like the original: patients' records are for the owner's eyes.
        unfinished.chmod(0o700)
        with closing(Store(unfinished)) as copy:
            _copy(store, copy, track)


def restore_backup(backup: Store, store: Store, track: Track = untracked) -> None:
    """Fill empty records, on SQLite or PostgreSQL, with all that a backup holds.

    It is there whole or not at all; a restore that was cut off can be done again.

    Raises:
        StoreError: the records hold something already, or a photograph of the backup is missing.
        OSError: they cannot be written.
    """
    with store.reading() as session:
        held = any(session.scalar(select(table.c.id).limit(1)) is not None for table in Base.metadata.sorted_tables)
    if held:
        raise StoreError("records_exist", folder=str(store.folder))
    _copy(backup, store, track)


def _copy(store: Store, copy: Store, track: Track) -> None:
    with store.reading() as source, copy.session() as target:
        for table in Base.metadata.sorted_tables:
            # In the order written, so that what a row refers to is there before it.
            rows = source.execute(select(table).order_by(table.c.id)).yield_per(_ROWS_AT_ONCE)
            for some in rows.mappings().partitions():
                target.execute(insert(table), [dict(row) for row in some])
        remember_given(target.connection())
        photographs = source.scalars(select(Field.image_sha256).distinct()).all()
        # Before the rows are there for good. A photograph never changes, and stays while the records name it.
        for sha256 in track(photographs, len(photographs), "Copying photographs"):
            original = store.images.path(sha256)
            if not original.exists():
                raise StoreError("backup_incomplete", photograph=str(original))
            copied = copy.images.path(sha256)
            copied.parent.mkdir(exist_ok=True)
            shutil.copyfile(original, copied)
