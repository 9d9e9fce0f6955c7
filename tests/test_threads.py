import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from packaging.requirements import Requirement

from plasmoscope.classification.classifier import find_model
from plasmoscope.extras import has_extra
from plasmoscope.networks import open_session
from plasmoscope.threads import usable_threads


@pytest.mark.parametrize(("asked", "threads"), [("1", 1), ("3", 3), ("", os.cpu_count()), ("0", os.cpu_count())])
def test_as_many_threads_work_as_the_variable_of_all_packages_says(
    asked: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert usable_threads() == threads
    session = open_session(find_model(None).read_bytes(), "tests")
    assert session.get_session_options().intra_op_num_threads == threads


def test_what_an_extra_needs_is_read_by_one_thread_at_a_time_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    busy = threading.Lock()

    class Slow(Requirement):
        def __init__(self, line: str) -> None:
            assert busy.acquire(blocking=False), "two at a time fail in Python 3.11"
            time.sleep(0.01)
            super().__init__(line)
            read.append(line)
            busy.release()

    monkeypatch.setattr("packaging.requirements.Requirement", Slow)
    monkeypatch.setattr("plasmoscope.extras.requires", lambda name: ['of-no-package>=3; extra == "odd"'])
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(has_extra, ["odd"] * 8)) == [False] * 8
    assert len(read) == 1
