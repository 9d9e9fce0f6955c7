"""Batches on a Ray cluster: two machines, of which one may be lost, and the same tables."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from dying import DyingJob
from plasmoscope.batch import cells as batch_cells
from plasmoscope.batch import ray_tasks
from plasmoscope.batch.cells import CellsJob
from plasmoscope.batch.job import BatchError
from plasmoscope.batch.processes import Worked
from plasmoscope.batch.ray_tasks import by_ray
from plasmoscope.batch.running import Outcome, run_batch
from plasmoscope.reports.illustrations import encode_png

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'plasmoscope[cluster]'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """Two of one processor each, both on this one."""
    from ray.cluster_utils import Cluster

    # Where its processes find what tests import, and this checkout.
    found = os.pathsep.join(path for path in sys.path if path)
    with patch.dict(os.environ, PYTHONPATH=found, RAY_USAGE_STATS_ENABLED="0"):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        cluster.add_node(num_cpus=1)
        ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def tables(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.parquet")}


def test_two_machines_write_what_one_process_writes(
    machines: Any, rendered_cells: list[tuple[Any, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cells").mkdir()
    for number, (cell, _) in enumerate(rendered_cells[:30]):
        (tmp_path / "cells" / f"{number:02d}.png").write_bytes(encode_png(cell))
    monkeypatch.setattr(batch_cells, "_CELLS_OF_A_PART", 10)
    # A machine finds by itself what is named from where the command was given.
    monkeypatch.chdir(tmp_path)
    job = CellsJob((Path("cells"),))
    seen: list[Worked] = []
    assert run_batch(job, tmp_path / "alone").done == 3
    assert run_batch(job, tmp_path / "cluster", ray="auto", follow=lambda worked, _: remembered(worked, seen)).done == 3
    assert tables(tmp_path / "cluster") == tables(tmp_path / "alone")
    assert all(one.machine for one in seen)
    monkeypatch.setattr(ray_tasks, "_content", lambda picture: "other")
    with pytest.raises(BatchError, match="does not see what this one sees at cells"):
        run_batch(job, tmp_path / "unlike", ray="auto")


def remembered(worked: Iterable[Worked], seen: list[Worked]) -> Iterator[Worked]:
    for one in worked:
        seen.append(one)
        yield one


def test_a_part_whose_process_dies_is_tried_again_and_a_machine_that_is_lost_costs_nothing(
    machines: Any, tmp_path: Path
) -> None:
    outcome = run_batch(DyingJob(tmp_path), tmp_path / "out", ray="auto")
    assert (outcome.done, outcome.failed["c"]) == (2, "ZeroDivisionError: nought")
    assert "died, 3 times" in outcome.failed["d"]

    third = machines.add_node(num_cpus=1)

    def lose(worked: Iterable[Worked], parts: Any) -> Iterator[Worked]:
        for number, one in enumerate(worked):
            if number == 0:
                machines.remove_node(third, allow_graceful=False)
            yield one

    slow = DyingJob(tmp_path, tuple(f"e{number}" for number in range(12)))
    assert run_batch(slow, tmp_path / "lost", ray="auto", follow=lose) == Outcome(12, 0, {})


def test_a_machine_that_lacks_something_ends_the_batch_and_says_what(machines: Any, tmp_path: Path) -> None:
    (tmp_path / "cell.png").write_bytes(b"broken")
    network = tmp_path / "model.onnx"
    job = CellsJob((tmp_path / "cell.png",), network)
    with pytest.raises(BatchError, match=r"The machine .* cannot begin: There is no model at"):
        list(by_ray(job, job.parts(), "auto"))


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(BatchError, match=r"no Ray cluster to be had at 'nowhere:1'.*ray start"):
        run_batch(DyingJob(tmp_path), tmp_path / "out", ray="nowhere:1")


def refuse(*_: Any, **__: Any) -> None:
    raise ConnectionError("nobody answers")
