import os

import pytest

from plasmoscope.classification.classifier import find_model
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
