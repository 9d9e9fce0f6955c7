"""Fixtures: real cells where the shared data lies beside the checkout, rendered ones everywhere."""

import gc
import hashlib
import itertools
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
import torch
from alembic import command
from argon2 import PasswordHasher
from PIL import Image
from playwright.sync_api import Browser
from sqlalchemy import Connection

from chromium import running_chromium
from plasmoscope import Classifier
from plasmoscope.classification.card import Preprocessing
from plasmoscope.evaluation import metrics
from plasmoscope.files import replace_file
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import accounts
from plasmoscope.store import store as records
from plasmoscope.store.store import Store
from plasmoscope.synthetic.dataset import write_cells
from plasmoscope.synthetic.rendering import crop_cell, render_field
from postgres import running_postgresql
from shared_data import shared_path

# Tiny networks lose more to threads waiting for each other than they gain, and tests run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the networks that ship, and of processes that tests begin
torch.set_num_threads(1)
cv2.setNumThreads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with most slow tests come first, so that no worker is busy with one when the others are done."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end; Python need not look through it for what could go."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """At the end all may go, or libraries complain of what they leaked."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Variables that a command sets for itself and the processes it begins end with the test that ran it."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_hashing() -> Iterator[None]:
    """Passwords are hashed slowly on purpose, against those who would guess them; tests need no such care."""
    with patch.object(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)):
        yield


@pytest.fixture(autouse=True, scope="session")
def _few_resamples() -> Iterator[None]:
    """Intervals of evaluations rest on as many draws as show that they are drawn."""
    with patch.object(metrics, "RESAMPLES", 50):
        yield


@pytest.fixture(autouse=True, scope="session")
def _tables_as_they_were_made_before() -> Iterator[None]:
    """The first new database grows revision by revision, the next ones get the same tables at once.

    A database that holds anything is brought up to date as ever, and so is one that a test makes as an earlier version.
    """
    migrate, upgrade = records._migrate, command.upgrade
    grown: list[str] = []

    def with_tables(connection: Connection) -> None:
        named = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'sqlite_sequence'"
        new = (
            connection.dialect.name == "sqlite"
            and command.upgrade is upgrade
            and not connection.exec_driver_sql(named).first()
        )
        if new:
            for statement in grown:
                connection.exec_driver_sql(statement)
        migrate(connection)
        if new and not grown:
            grown.extend(connection.exec_driver_sql(named).scalars())
            version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
            grown.append(f"INSERT INTO alembic_version VALUES ('{version}')")

    with patch.object(records, "_migrate", with_tables):
        yield


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The one that ships for single cells."""
    return Classifier.load(threads=1)


@pytest.fixture(scope="session")
def field_classifier() -> Classifier:
    """The one that ships for fields."""
    return Classifier.load(threads=1, use="fields")


@pytest.fixture(scope="session")
def nih_zip() -> Path:
    return shared_path("data/nih_cells.zip")


@pytest.fixture(scope="session")
def imagenet_file() -> Path:
    return shared_path("weights/mobilenet_v2_imagenet.safetensors")


@pytest.fixture(scope="session")
def real_cells(nih_zip: Path) -> list[np.ndarray]:
    """Twelve real cells, every second one parasitized."""
    import io

    with zipfile.ZipFile(nih_zip) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".avif"))
        parasitized = [name for name in names if "/Parasitized/" in name][::2300][:6]
        uninfected = [name for name in names if "/Uninfected/" in name][::2300][:6]
        chosen = [name for pair in zip(parasitized, uninfected, strict=True) for name in pair]
        return [np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in chosen]


@pytest.fixture(scope="session")
def rendered_cells() -> list[tuple[np.ndarray, bool]]:
    """Rendered cells with their truth, about half of them infected."""
    cells = []
    for seed in (11, 12):
        field = render_field(seed, cells=60, parasitaemia=0.5)
        cells += [(crop_cell(field, i), cell.infected) for i, cell in enumerate(field.cells) if cell.whole]
    return cells


@pytest.fixture(scope="session")
def nih_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered cells in the NIH layout under official-looking names, of twelve patients."""
    root = tmp_path_factory.mktemp("nih")
    write_cells(root, fields=2, seed=11)
    return root


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for networks once exported, which tests that run side by side share."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "graphs"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def exported_once(graphs: Path) -> Iterator[None]:
    """A network that was exported before, with whatever weights, gives that graph; exporting is what takes long.

    For tests of what comes before and after it; ``test_pytorch_and_onnx_agree`` is of exporting.
    """
    from plasmoscope.training import run
    from plasmoscope.training.export import export_network

    def export(model: torch.nn.Module, preprocessing: Preprocessing) -> bytes:
        weights = model.state_dict()
        assert all(value.isfinite().all() for value in weights.values())
        network = repr((preprocessing.image_size, [(name, value.shape) for name, value in weights.items()]))
        graph = graphs / hashlib.sha256(network.encode()).hexdigest()
        if not graph.exists():
            replace_file(graph, export_network(model, preprocessing))
        return graph.read_bytes()

    with patch.object(run, "export_network", export):
        yield


@pytest.fixture(scope="session")
def few_cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like ``nih_folder``, with no more cells than it takes to see that a network learns from them."""
    root = tmp_path_factory.mktemp("few")
    write_cells(root, fields=1, seed=4)
    return root


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Address of a server; it takes a database's name."""
    with running_postgresql() as address:
        yield address


_numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """A new database for ``Store``: None is SQLite in its folder."""
    if request.param == "sqlite":
        yield None
        return
    import psycopg

    address = request.getfixturevalue("postgresql")
    name = f"test_{next(_numbers)}"
    with psycopg.connect(address.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield str(address.format(name))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    """Empty records, on SQLite and on PostgreSQL."""
    opened = Store(tmp_path / "records", database)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def rendered_png() -> bytes:
    """A small rendered field as a file."""
    return encode_png(render_field(4, 480, 360, cells=12).image)
