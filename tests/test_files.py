"""Files that are there whole or not at all."""

import os
from pathlib import Path

import pytest

from plasmoscope.files import remove_abandoned, whole_file


def test_two_writers_of_one_file_leave_a_whole_one(tmp_path: Path) -> None:
    file = tmp_path / "cells.npy"
    with whole_file(file) as first, whole_file(file) as second:
        first.write_text("the first writer's")
        second.write_text("half")
        second.write_text("the second writer's")
    assert file.read_text() == "the first writer's"
    assert list(tmp_path.iterdir()) == [file]


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")

    def half() -> None:
        with whole_file(file) as unfinished:
            unfinished.write_text("ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_only_what_a_killed_writer_left_long_ago_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "cells[1].npy"
    with whole_file(file) as young:
        young.write_text("being written")
        abandoned = tmp_path / "cells[1].npy.01234567.part"
        abandoned.write_text("half")
        os.utime(abandoned, (0, 0))
        remove_abandoned(file)
        assert list(tmp_path.iterdir()) == [young]
