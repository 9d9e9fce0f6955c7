"""Opening the records: a data folder with SQLite, or a PostgreSQL server and a folder for the photographs."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from plasmoscope.extras import require_extra
from plasmoscope.store.errors import StoreError
from plasmoscope.store.images import Images
from plasmoscope.store.sites import Sites, narrow

_DATABASE = "plasmoscope.db"
_IMAGES = "images"
_WAIT_SECONDS = 30
# Any number, the same in every process: whoever holds it migrates.
_MIGRATION_LOCK = 7_305_811


class Place(NamedTuple):
    """Where records lie and what is seen of them, for another process."""

    folder: Path
    url: str | None = None
    sites: Sites | None = None

    @contextmanager
    def opened(self) -> Iterator["Store"]:
        """The records, opened for a while; raises as ``Store``."""
        store = Store(self.folder, self.url)
        try:
            yield store if self.sites is None else store.seen_by(self.sites)
        finally:
            store.close()


class Store:
    """The records and the photographs. Several processes may have it open at once."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        """Open the records, making what is missing and bringing tables of an earlier version up to date.

        Args:
            folder: holds the photographs, and the SQLite database where no ``url`` is given.
            url: of a PostgreSQL database: ``postgresql://user:password@host/database``.

        Raises:
            StoreError: the database cannot be reached, or was written by a later version of the program.
            OSError: the folder cannot be written to.
        """
        self.folder = folder
        self._url = url
        self._sites: Sites | None = None
        # Patients' records are for the owner's eyes, in a folder that was there before as well.
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.images = Images(folder / _IMAGES)
        self.images.folder.mkdir(exist_ok=True, mode=0o700)
        if not url:
            (folder / _DATABASE).touch(mode=0o600)
        self.engine = _postgresql(url) if url else _sqlite(folder / _DATABASE)
        self._readers = self.engine.execution_options(reads_only=True)
        try:
            with self.engine.execution_options(migrates=True).begin() as connection:
                _migrate(connection)
        except DBAPIError as error:
            raise StoreError("records_not_opened", folder=str(folder), detail=str(error.orig)) from error
        except CommandError as error:
            raise StoreError("records_of_later_version", folder=str(folder), detail=str(error)) from error

    @classmethod
    def existing(cls, folder: Path, url: str | None = None) -> "Store":
        """Open records that are there already; a mistyped folder is not made.

        Raises:
            StoreError: nothing was ever kept in the folder; otherwise as the class itself.
        """
        if not (folder / _IMAGES).is_dir():
            raise StoreError("no_records", folder=str(folder))
        return cls(folder, url)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction for changes: kept whole when the block ends well, dropped whole when it does not."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            self._narrow(session)
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view for looking things up; it waits for nobody, nobody waits for it, and it cannot change."""
        with Session(self._readers, expire_on_commit=False) as session, session.begin():
            self._narrow(session)
            yield session

    def seen_by(self, sites: Sites) -> "Store":
        """The same records as somebody sees them who belongs to these sites: no other slide is there."""
        seen = copy(self)
        seen._sites = sites
        return seen

    @property
    def place(self) -> Place:
        """To open the same records, and no more of them, in another process."""
        return Place(self.folder, self._url, self._sites)

    def _narrow(self, session: Session) -> None:
        if self._sites is not None:
            narrow(session, self._sites)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _sqlite(file: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(file)), connect_args={"timeout": _WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        # Transactions begin where SQLAlchemy says, not where Python's sqlite3 guesses.
        connection.isolation_level = None
        for setting in ("journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {setting}")
        # SQLite's own knows no letters but A to Z; searches fold case with it.
        connection.create_function("lower", 1, lambda words: words and words.lower(), deterministic=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        reads_only, migrates = options.get("reads_only", False), options.get("migrates", False)
        connection.exec_driver_sql(f"PRAGMA query_only = {reads_only:d}")
        # A migration may replace a table, and dropping the old one must not take with it what refers to it.
        connection.exec_driver_sql(f"PRAGMA foreign_keys = {not migrates:d}")
        # A writer takes its turn at the start: one that read first and then found another writing would have to fail.
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: str) -> Engine:
    require_extra("postgres", "A PostgreSQL database")
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise StoreError("database_address") from error
    if address.get_backend_name() != "postgresql":
        raise StoreError("database_kind", kind=address.get_backend_name())
    engine = create_engine(address.set(drivername="postgresql+psycopg"), pool_pre_ping=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("reads_only", False):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return engine


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    config = Config()
    config.set_main_option("script_location", "plasmoscope.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
