import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete

from plasmoscope.client import Workstation, WorkstationError
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import accounts
from plasmoscope.store.records import LoginSession
from plasmoscope.store.store import Store
from plasmoscope.web.settings import MAX_BODY
from workstation import PASSWORD, served


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("records")) as address:
        yield address


def test_a_program_counts_a_slide(address: str, rendered_png: bytes, tmp_path: Path) -> None:
    photograph = tmp_path / "حقل.png"
    photograph.write_bytes(rendered_png)
    with Workstation(address) as workstation:
        alone = workstation.analyze(photograph)
        slide = workstation.new_slide("P", "S", haematocrit_percent=38)
        (field,) = workstation.upload(slide, [photograph])
        result = workstation.result(slide)
        assert result.fields[0].name == "حقل.png"
        assert alone.counted == result.count.counted
        assert result.count.counted == workstation.slide(slide)["counted"] > 0
        assert workstation.slide(slide)["fields"][0]["id"] == field
        assert workstation.file(slide, "report.pdf").startswith(b"%PDF")
        with pytest.raises(WorkstationError, match="not left out"):
            workstation.count_repeat(field)


def test_a_folder_is_sent_without_the_report_in_it(address: str, rendered_png: bytes, tmp_path: Path) -> None:
    (tmp_path / "field.png").write_bytes(rendered_png)
    for name in ("called_cells.png", "report.html", "notes.txt"):
        (tmp_path / name).write_bytes(rendered_png)
    with Workstation(address) as workstation:
        slide = workstation.new_slide("P", "with a report")
        assert len(workstation.upload(slide, tmp_path)) == 1
        assert [field["name"] for field in workstation.slide(slide)["fields"]] == ["field.png"]


def test_a_program_classifies_single_cells(
    address: str, rendered_cells: list[tuple[np.ndarray, bool]], tmp_path: Path
) -> None:
    for index, (cell, _) in enumerate(rendered_cells[:4]):
        (tmp_path / f"{index}.png").write_bytes(encode_png(cell))
    (tmp_path / "broken.png").write_bytes(b"")
    with Workstation(address) as workstation:
        answers = workstation.classify([*sorted(tmp_path.iterdir()), tmp_path / "missing.png"])
        assert workstation.classify(str(tmp_path / "0.png")) == answers[:1]
    missing = answers.pop()
    assert (missing.file, missing.call) == (5, None)
    assert "cannot be opened" in missing.error
    assert [answer.call for answer in answers[:4]] == [
        "infected" if infected else "uninfected" for _, infected in rendered_cells[:4]
    ]
    assert [answer.file for answer in answers] == list(range(5))
    assert "empty" in answers[4].error
    # As of version 0.1, for one version more.
    with pytest.warns(DeprecationWarning, match=r"take '\.call'"):
        assert answers[0]["call"] == ("Parasitized" if rendered_cells[0][1] else "Uninfected")


def test_many_large_cells_are_sent_in_as_many_requests_as_they_need(address: str, tmp_path: Path) -> None:
    cells = [tmp_path / f"{number}.png" for number in range(3)]
    for cell in cells:
        cell.write_bytes(bytes(MAX_BODY // 2))
    with Workstation(address) as workstation:
        assert len(workstation.classify(cells)) == 3
        with pytest.raises(WorkstationError) as refused:
            workstation.classify(cells, one_smear=True)
    assert refused.value.code == "too_large"


def test_a_program_has_cells_judged_as_one_smear(
    address: str, rendered_cells: list[tuple[np.ndarray, bool]], tmp_path: Path
) -> None:
    for index, cell in enumerate([cell for cell, infected in rendered_cells if not infected][:10]):
        (tmp_path / f"{index}.png").write_bytes(encode_png(cell))
    with Workstation(address) as workstation:
        answers = workstation.classify(sorted(tmp_path.iterdir()), one_smear=True)
    assert sum(answer.probability for answer in answers) < sum(answer.probability_alone for answer in answers)


def test_who_was_logged_in_logs_in_again_once_that_has_ended(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.session() as session:
        accounts.add_account(session, "tests", "Ama", PASSWORD, "technician")
    with served(tmp_path, host="0.0.0.0") as address, Workstation(address, "Ama", PASSWORD) as workstation:
        workstation.new_slide("P", "one")
        with store.session() as session:
            session.execute(delete(LoginSession))
        assert workstation.new_slide("P", "other") == 2
        with pytest.raises(WorkstationError, match="do not fit"):
            Workstation(address, "Ama", "another password")
    store.close()


def test_a_refusal_says_why(address: str) -> None:
    with Workstation(address) as workstation, pytest.raises(WorkstationError, match="no slide number 999") as refused:
        workstation.slide(999)
    assert refused.value.code == "not_found"


def test_a_workstation_that_does_not_run_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with Workstation(f"http://127.0.0.1:{port}") as workstation, pytest.raises(WorkstationError, match="reached"):
        workstation.slide(1)
