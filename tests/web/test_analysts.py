"""The processes that analyse for the workstation."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError

from patience import PATIENCE
from plasmoscope.analysis.analyze import analyze_field
from plasmoscope.analysis.results import Field
from plasmoscope.classification.classifier import Classifier
from plasmoscope.store import fields
from plasmoscope.web.analysis_queue.model_workers import ModelWorkers
from workstation import new_slide, upload, workstation

# Looks at a photograph, tells which processes did, and is gone without a farewell.
LEFT_ALONE = """
import multiprocessing, os, signal, sys
from pathlib import Path
from plasmoscope.web.analysis_queue.model_workers import ModelWorkers

analysts = ModelWorkers(None, 1)
analysts.look(Path(sys.argv[1]), "field")
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_photograph_is_found_to_hold_what_it_holds_without_them(
    rendered_png: bytes, field_classifier: Classifier
) -> None:
    analysts = ModelWorkers(None, 1)
    try:
        look = analysts.look(rendered_png, "field")
    finally:
        analysts.close()
    alone = analyze_field(rendered_png, field_classifier, name="field")
    # Threads share sums out, and with that a processor's last digits change.
    said, said_alone = ([cell.parasitized_probability for cell in field.cells] for field in (look.field, alone))
    assert said == pytest.approx(said_alone, abs=1e-4)
    assert without_probabilities(look.field) == without_probabilities(alone)
    assert look.fingerprint is not None


def without_probabilities(field: Field) -> Field:
    cells = tuple(replace(cell, parasitized_probability=None) for cell in field.cells)
    return field.model_copy(update={"cells": cells})


def test_a_process_that_is_ended_is_replaced(rendered_png: bytes) -> None:
    before = set(multiprocessing.active_children())
    analysts = ModelWorkers(None, 1)
    try:
        first = analysts.look(rendered_png, "field")
        (process,) = set(multiprocessing.active_children()) - before
        process.kill()
        process.join()
        assert analysts.look(rendered_png, "field").field == first.field
    finally:
        analysts.close()
    assert set(multiprocessing.active_children()) <= before


def test_they_do_not_outlive_the_workstation(tmp_path: Path, rendered_png: bytes) -> None:
    photograph = tmp_path / "field.png"
    photograph.write_bytes(rendered_png)
    ended = subprocess.run(
        [sys.executable, "-c", LEFT_ALONE, photograph], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    (left,) = (int(number) for number in ended.stdout.split())
    ends = time.monotonic() + PATIENCE
    while _lives(left) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not _lives(left)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
        # In a container without an init, what has ended stays listed as a zombie.
        stat = Path(f"/proc/{process}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_what_cannot_be_recorded_does_not_keep_the_workstation_from_ending(
    tmp_path: Path, rendered_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def damaged(*_: object, **__: object) -> bool:
        tried.append("once more")
        raise DatabaseError("UPDATE fields", {}, Exception("database disk image is malformed"))

    with workstation(tmp_path) as client:
        for name in ("finish", "fail"):
            monkeypatch.setattr(fields, name, damaged)
        upload(client, new_slide(client), rendered_png)
        until = time.monotonic() + PATIENCE
        while len(tried) < 2 and time.monotonic() < until:
            time.sleep(0.05)
    assert len(tried) == 2
