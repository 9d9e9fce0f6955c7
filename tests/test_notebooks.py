"""The notebooks run from the first cell to the last, and are stored without what they show."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from doc_pages import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_to_its_end(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    book = nbformat.read(file, as_version=4)
    NotebookClient(book, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(output.get("text", "") for cell in book.cells for output in cell.get("outputs", []))
    assert not re.search(r"Error|exception has occurred", said), said


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_stored_without_what_it_shows(file: Path) -> None:
    book = nbformat.read(file, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        assert "attachments" not in cell
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_there_are_five_notebooks() -> None:
    assert [file.stem for file in NOTEBOOKS] == [
        "cluster", "explanation_and_audit", "fields_and_evaluation", "own_data", "published_systems",
    ]  # fmt: skip
