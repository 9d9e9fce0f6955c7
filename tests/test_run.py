"""The script that the README's commands go through."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A command that takes a while to put its things away.
_SLOW = """
import pathlib, time
try:
    pathlib.Path("begun").touch()
    time.sleep(60)
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


@pytest.mark.skipif(os.name == "nt", reason="sends signals as a Unix terminal does")
def test_ctrl_c_lets_the_command_end_in_its_own_time(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(_SLOW)
    process = subprocess.Popen([sys.executable, "-c", _RUN, str(ROOT)], cwd=tmp_path, start_new_session=True)
    while not (tmp_path / "begun").exists() and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 3
    assert (tmp_path / "ended").exists()
