"""Which part of the program knows of which: one way, and nothing heavy loaded before it is needed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = ("cv2", "onnxruntime", "torch")


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded once it ran some code."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.splitlines()[-1].split())


def test_no_import_runs_back_up() -> None:
    # In a process of its own, as it sets up logging for itself.
    code = "from importlinter.cli import lint_imports\nraise SystemExit(lint_imports(no_cache=True))"
    linted = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


def test_the_records_and_their_doctor_load_no_network(tmp_path: Path) -> None:
    folder = ROOT / "src/plasmoscope/store"
    modules = [f"plasmoscope.store.{file.stem}" for file in folder.glob("*.py") if file.stem != "__init__"]
    (tmp_path / "images").mkdir()
    doctor = f"app(['doctor', '--data', {str(tmp_path)!r}], standalone_mode=False)"
    loaded = loaded_after(f"import {', '.join(modules)}\nfrom plasmoscope.cli import app\n{doctor}")
    assert "plasmoscope.store.doctor" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_help_is_given_before_anything_but_the_command_line_is_loaded() -> None:
    help_ = "from plasmoscope.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass"
    loaded = loaded_after(help_)
    assert "typer" in loaded
    assert loaded.isdisjoint((*HEAVY, "numpy", "PIL", "pydantic", "scipy", "sqlalchemy", "fastapi"))
