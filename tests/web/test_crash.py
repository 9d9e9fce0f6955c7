"""A workstation that is killed again and again while photographs come in."""

import random
import threading
from pathlib import Path

import pytest

from plasmoscope.analysis.analyze import analyze_field
from plasmoscope.classification.classifier import Classifier
from plasmoscope.client import Workstation, WorkstationError
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store.doctor import examine
from plasmoscope.store.store import Store
from plasmoscope.synthetic.rendering import render_field
from workstation import Served

PHOTOGRAPHS = 50
KILLS = 4


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photographs")
    files = [folder / f"{number:02d}.png" for number in range(PHOTOGRAPHS)]
    for number, file in enumerate(files):
        file.write_bytes(encode_png(render_field(number, 320, 240, cells=6).image))
    return files


@pytest.mark.slow
def test_every_acknowledged_upload_outlives_being_killed(
    photographs: list[Path], classifier: Classifier, tmp_path: Path
) -> None:
    chance = random.Random(0)
    served = Served(tmp_path)
    served.start()
    with Workstation(served.address) as workstation:
        slide = workstation.new_slide("P", "S")
    acknowledged: dict[int, Path] = {}
    waiting = list(photographs)
    for _ in range(KILLS):
        killer = threading.Timer(chance.uniform(0.05, 1.0), served.kill)
        killer.start()
        try:
            with Workstation(served.address) as workstation:
                while waiting:
                    (field,) = workstation.upload(slide, waiting[:1])
                    assert field not in acknowledged
                    acknowledged[field] = waiting.pop(0)
        except WorkstationError:
            # Whether the last photograph was kept is not known; whoever sends it again must not count it twice.
            pass
        killer.join()
        served.start()
    with Workstation(served.address) as workstation:
        for photograph in waiting:
            (field,) = workstation.upload(slide, [photograph])
            acknowledged[field] = photograph
        result = workstation.result(slide)
        shown = workstation.slide(slide)
    served.kill()

    assert len(acknowledged) == len(shown["fields"]) == PHOTOGRAPHS
    by_name = {path.name: path for path in photographs}
    assert sorted(field.name for field in result.fields) == sorted(by_name)
    for found in result.fields[:: PHOTOGRAPHS // 5]:
        alone = analyze_field(by_name[found.name], classifier)
        assert (found.counted, found.infected) == (alone.counted, alone.infected)
    assert shown["counted"] == sum(field.counted for field in result.fields if field.accepted) > 0
    store = Store(tmp_path)
    first = examine(store)
    assert not first.missing
    assert not first.damaged
    assert examine(store).all_well
    kept = {path.name for path in store.images.files()}
    assert len(kept) == PHOTOGRAPHS
