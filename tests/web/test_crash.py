"""Servers that are killed again and again while photographs come in."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from plasmoscope.analysis.analyze import analyze_field
from plasmoscope.classification.classifier import Classifier
from plasmoscope.client import Workstation, WorkstationError
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store.doctor import examine
from plasmoscope.store.store import Store
from plasmoscope.synthetic.rendering import render_field
from round_robin import round_robin
from workstation import Served

PHOTOGRAPHS = 20
KILLS = 3


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photographs")
    files = [folder / f"{number:02d}.png" for number in range(PHOTOGRAPHS)]
    for number, file in enumerate(files):
        file.write_bytes(encode_png(render_field(number, 320, 240, cells=6).image))
    return files


@pytest.fixture
def servers(database: str | None, tmp_path: Path) -> Iterator[list[Served]]:
    """One on SQLite; two that share PostgreSQL and the folder of photographs."""
    environment = os.environ | ({"PLASMOSCOPE_DATABASE": database} if database else {})
    started = [Served(tmp_path / "records", environment=environment) for _ in range(2 if database else 1)]
    with ExitStack() as ends:
        for server in started:
            server.start()
            ends.callback(server.kill)
        yield started


@pytest.mark.slow
def test_every_acknowledged_upload_outlives_servers_that_are_killed(
    servers: list[Served], photographs: list[Path], database: str | None, classifier: Classifier, tmp_path: Path
) -> None:
    chance = random.Random(0)
    acknowledged: dict[int, Path] = {}
    waiting = list(photographs)
    with round_robin([server.port for server in servers]) as address:
        with Workstation(address) as workstation:
            slide = workstation.new_slide("P", "S")
        for _ in range(KILLS):
            victim = chance.choice(servers)
            killer = threading.Timer(chance.uniform(0.05, 1.0), victim.kill)
            killer.start()
            while waiting and killer.is_alive():
                try:
                    with Workstation(address) as workstation:
                        (field,) = workstation.upload(slide, waiting[:1])
                except WorkstationError:
                    # Whether it was kept is not known; whoever sends it again must not count it twice.
                    continue
                assert field not in acknowledged
                acknowledged[field] = waiting.pop(0)
            killer.join()
            victim.start()
        for photograph in waiting:
            with Workstation(address) as workstation:
                (field,) = workstation.upload(slide, [photograph])
            acknowledged[field] = photograph
        with Workstation(address) as workstation:
            result = workstation.result(slide)
            shown = workstation.slide(slide)

    assert len(acknowledged) == len(shown["fields"]) == PHOTOGRAPHS
    by_name = {path.name: path for path in photographs}
    assert sorted(field.name for field in result.fields) == sorted(by_name)
    for found in result.fields[:: PHOTOGRAPHS // 5]:
        alone = analyze_field(by_name[found.name], classifier)
        assert (found.counted, found.infected) == (alone.counted, alone.infected)
    assert shown["counted"] == sum(field.counted for field in result.fields if field.accepted) > 0
    for server in servers:
        server.kill()
    store = Store(tmp_path / "records", database)
    first = examine(store)
    assert not first.missing
    assert not first.damaged
    assert examine(store).all_well
    kept = {path.name for path in store.images.files()}
    assert len(kept) == PHOTOGRAPHS
    store.close()
