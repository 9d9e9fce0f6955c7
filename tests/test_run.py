"""The script that the README's commands go through."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import run

from patience import PATIENCE

ROOT = Path(__file__).parents[1]
# A command that takes a while to put its things away.
_SLOW = f"""
import pathlib, time
try:
    pathlib.Path("begun").touch()
    time.sleep({PATIENCE})
except KeyboardInterrupt:
    time.sleep(1)
    pathlib.Path("ended").touch()
    raise SystemExit(3)
"""
_RUN = """
import sys
sys.path.insert(0, sys.argv.pop())
import run
run.PYTHON = sys.executable
sys.exit(run.python("slow"))
"""
# Ctrl+C as early as can be: the command has just begun, and nobody waits for it yet.
_RUN_INTERRUPTED_AT_ONCE = """
import os, signal, subprocess, sys
sys.path.insert(0, sys.argv.pop())
import run
class Popen(subprocess.Popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)
run.subprocess.Popen = Popen
run.PYTHON = sys.executable
sys.exit(run.python("quick"))
"""


@pytest.mark.skipif(os.name == "nt", reason="sends signals as a Unix terminal does")
def test_ctrl_c_lets_the_command_end_in_its_own_time(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(_SLOW)
    process = subprocess.Popen([sys.executable, "-c", _RUN, str(ROOT)], cwd=tmp_path, start_new_session=True)
    while not (tmp_path / "begun").exists() and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 3
    assert (tmp_path / "ended").exists()


@pytest.mark.skipif(os.name == "nt", reason="sends signals as a Unix terminal does")
def test_ctrl_c_as_a_command_begins_is_the_commands_affair(tmp_path: Path) -> None:
    (tmp_path / "quick.py").write_text("raise SystemExit(3)")
    command = [sys.executable, "-c", _RUN_INTERRUPTED_AT_ONCE, str(ROOT)]
    ended = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert (ended.returncode, ended.stderr) == (3, "")


def test_every_place_promises_the_same_pythons() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (oldest, newest), minors = run.PYTHONS, range(run.PYTHONS[0][1], run.PYTHONS[1][1] + 1)
    assert oldest[0] == newest[0] == 3
    assert project["requires-python"] == f">=3.{oldest[1]},<3.{newest[1] + 1}"
    prefix = "Programming Language :: Python :: 3."
    told = [line.removeprefix(prefix) for line in project["classifiers"] if line.startswith(prefix)]
    assert told == [str(minor) for minor in minors]
    assert f"With Python 3.{oldest[1]} to 3.{newest[1]} and pip" in (ROOT / "README.md").read_text()
    assert f"for python in {' '.join(f'3.{minor}' for minor in minors)}; do" in (ROOT / ".ci" / "pins").read_text()
    assert oldest <= sys.version_info[:2] <= newest
