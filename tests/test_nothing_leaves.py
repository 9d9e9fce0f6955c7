"""Nothing leaves the machine: no command, nor a package beneath it, asks the network or keeps anything of its own."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from patience import PATIENCE
from workstation import Served, new_slide, upload, when_analysed

# No other variables are passed: some packages are quieter where continuous integration is announced.
KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
ASKS_THE_NETWORK = re.compile(r"AF_INET|AF_NETLINK|AF_PACKET|/etc/resolv\.conf|/etc/hosts|/run/systemd/resolve")
LISTENS_ON_THIS_MACHINE = re.compile(r'socket\(AF_INET, SOCK_STREAM|bind\(.*inet_addr\("127\.0\.0\.1"\)')
WRITES = re.compile(r'(?:openat\(AT_FDCWD, "(?P<file>/[^"]*)", O_(?:WRONLY|RDWR)|mkdir\("(?P<folder>/[^"]*)").*\) = \d')
OF_NO_FILE = ("/dev/", "/proc/")


class Watched:
    """A user who has nothing yet, and all that a command of theirs leaves or reaches for."""

    def __init__(self, folder: Path) -> None:
        self.given = folder / "given"
        self._unasked = [folder / "home", folder / "temporary"]
        for part in (self.given, *self._unasked):
            part.mkdir()
        self._folder = folder
        self._trace = folder / "trace"
        home, temporary = map(str, self._unasked)
        self.environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "PYTHONDONTWRITEBYTECODE": "1",
            **dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), home),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
        }

    def python(self, *arguments: object) -> None:
        """Run Python in the folder that was given."""
        command = [*self.tracer(), sys.executable, *map(str, arguments)]
        ended = subprocess.run(
            command, check=False, cwd=self.given, env=self.environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert ended.returncode == 0, ended.stderr

    def tracer(self) -> list[str]:
        """What to put before a command, where its system calls can be seen."""
        calls = "socket,connect,bind,sendto,sendmsg,sendmmsg,openat,mkdir"
        traced = ["strace", "-f", "--seccomp-bpf", f"--trace={calls}", "-o", str(self._trace)]
        return traced if has_strace() else []

    def left_unasked(self) -> list[str]:
        """Files and folders outside the one that was given."""
        left = [str(path) for part in self._unasked for path in part.rglob("*")]
        for line in self._traced():
            if (wrote := WRITES.search(line)) is not None:
                path = wrote["file"] or wrote["folder"]
                left += [path] if not path.startswith((str(self._folder), *OF_NO_FILE)) else []
        return left

    def asked(self) -> list[str]:
        """System calls that open a way to the network or look up a name."""
        if not has_strace():
            pytest.skip("what is left was looked at; what is asked of the network needs strace (Debian: strace)")
        return [line for line in self._traced() if ASKS_THE_NETWORK.search(line)]

    def _traced(self) -> list[str]:
        return self._trace.read_text(errors="replace").splitlines() if has_strace() else []


@cache
def has_strace() -> bool:
    try:
        command = ["strace", "-f", "--seccomp-bpf", "-o", os.devnull, sys.executable, "-c", ""]
        return subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_the_library_asks_and_leaves_nothing(watched: Watched) -> None:
    watched.python("-c", "from plasmoscope import Classifier; Classifier.load()")
    assert watched.left_unasked() == []
    assert watched.asked() == []


def test_analyze_asks_and_leaves_nothing(watched: Watched, rendered_png: bytes) -> None:
    (watched.given / "field.png").write_bytes(rendered_png)
    watched.python("-m", "plasmoscope", "analyze", "field.png", "--output", "report")
    assert {path.name for path in watched.given.iterdir()} == {"field.png", "report"}
    assert watched.left_unasked() == []
    assert watched.asked() == []


def test_classify_asks_and_leaves_nothing(watched: Watched, few_cells: Path) -> None:
    watched.python("-m", "plasmoscope", "classify", few_cells, "--output", "cells.csv")
    assert {path.name for path in watched.given.iterdir()} == {"cells.csv"}
    assert watched.left_unasked() == []
    assert watched.asked() == []


@pytest.mark.slow
def test_train_asks_and_leaves_nothing(watched: Watched, few_cells: Path) -> None:
    short = ["--epochs", "1", "--set", "image_size=32", "--set", "cache_size=32", "--accelerator", "cpu"]
    folders = ["--data", few_cells, "--output", "run", "--cache", "cache"]
    watched.python("-m", "plasmoscope", "train", "basic_cnn", *short, *folders)
    assert {path.name for path in watched.given.iterdir()} == {"run", "cache"}
    assert watched.left_unasked() == []
    assert watched.asked() == []


@pytest.mark.slow
def test_serve_asks_nothing_and_keeps_to_its_folder(watched: Watched, rendered_png: bytes) -> None:
    served = Served(watched.given / "records", watched.tracer(), watched.environment)
    served.start()
    try:
        with served.client() as client:
            slide = new_slide(client)
            upload(client, slide, rendered_png)
            when_analysed(client, slide)
            assert client.get(f"/api/v1/slides/{slide}/files/report.pdf").status_code == 200
    finally:
        served.stop()
    assert watched.left_unasked() == []
    assert [line for line in watched.asked() if not LISTENS_ON_THIS_MACHINE.search(line)] == []


def test_a_user_who_wants_onnx_runtime_to_report_is_not_overruled(watched: Watched) -> None:
    watched.environment["ORT_DISABLE_TELEMETRY"] = "0"
    watched.python("-c", "import plasmoscope, os; assert os.environ['ORT_DISABLE_TELEMETRY'] == '0'")
