"""Set everything up in `.venv` and run: `python run.py demo`, `python run.py test`, or any plasmoscope command.

Needs Python 3.11 to 3.14 with pip, and nothing else.
"""

import hashlib
import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
# Oldest and newest; the pinned packages have wheels for each (.ci/pins).
PYTHONS = ((3, 11), (3, 14))
# Commands that need more than the inference packages.
EXTRAS = {
    "test": "dev",
    "train": "train",
    "train-fields": "train",
    "evaluate": "train",
    "evaluate-fields": "train",
    "compare": "train",
    "summary": "train",
    "augmentations": "train",
    "lr-range": "train",
    "convert": "train",
    "data": "train",
    "doctor": "serve",
    "backup": "serve",
    "restore": "serve",
    "serve": "serve",
    "watch": "serve",
    "account": "serve",
    "batch": "parquet",
    "bioimage-package": "bioimage",
    "export-cells": "serve",
    "export-history": "serve",
}
# The tests of one file share what it makes; files with slow tests come first (tests/conftest.py).
TESTS = ("pytest", "--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")
CHECKS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), TESTS)


def main() -> int:
    """Install what the command needs, unless it is there already, and run it."""
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        print(f"Plasmoscope needs Python 3.11 to 3.14; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    command = sys.argv[1:] or ["--help"]
    try:
        install(EXTRAS.get(command[0], ""))
    except subprocess.CalledProcessError:
        print(
            "The packages could not be installed; see above. A connection is needed once. On Debian and Ubuntu, "
            "'apt install python3-venv' may be missing.",
            file=sys.stderr,
        )
        return 2
    if command[0] != "test":
        return python("plasmoscope", *command)
    failed = [check[0] for check in CHECKS if python(*check, *(command[1:] if check[0] == "pytest" else ()))]
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def install(extra: str) -> None:
    """Make the environment and install the project with its pinned packages."""
    pins = (ROOT / "pyproject.toml").read_bytes() + (ROOT / "constraints.txt").read_bytes()
    # A clone that was moved, or a newer Python, needs the installation anew.
    place = f"{ROOT} {sys.version_info[:2]}"
    wanted = hashlib.sha256(pins + place.encode()).hexdigest()
    stamp = ENVIRONMENT / f"installed-{extra or 'core'}"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    if not has_pip():
        print("Making .venv ...", file=sys.stderr)
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
    print("Installing packages (a few minutes the first time) ...", file=sys.stderr)
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    options = ["--quiet", "--disable-pip-version-check", "--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([PYTHON, "-m", "pip", "install", *options, "--editable", target], check=True)
    stamp.write_text(wanted)


def has_pip() -> bool:
    """Whether an environment is there and was made to its end."""
    if not PYTHON.exists():
        return False
    return subprocess.run([PYTHON, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0


def python(*module_and_arguments: str) -> int:
    """Run a module of the environment; its exit code."""
    # Checks belong to the project; the user's own commands run where the user is.
    folder = ROOT if sys.argv[1:2] == ["test"] else None
    # Ctrl+C reaches the command too, which ends in its own time and loses nothing.
    signal.signal(signal.SIGINT, lambda *_: None)
    process = subprocess.Popen([PYTHON, "-m", *module_and_arguments], cwd=folder)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
