"""A line about each request, without a word of patients."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.web.access_log import AccessLog
from workstation import SLIDE, add_account, log_in, workstation


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_each_request_has_a_line_that_tells_nothing_of_patients(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    with workstation(tmp_path / "records", host="0.0.0.0", access_log=str(file)) as client:
        add_account(client, "Amina", "technician")
        client.get("/api/v1/slides")
        headers = log_in(client, "Amina")
        client.post("/api/v1/slides", json=SLIDE | {"patient": "170017"}, headers=headers)
        client.get("/api/v1/slides?patient=170017", headers=headers)
        client.get("/patients/170017", headers=headers | {"cookie": "welcome=accepted"})
        client.get("/api/v1/slides/1", headers=headers)
        client.get("/nowhere/170017", headers=headers)
    written = lines(file)
    assert "170017" not in file.read_text("utf-8")
    told = [(line["who"], line["method"], line["status"]) for line in written]
    assert told[:3] == [(None, "GET", 401), (None, "POST", 200), ("Amina", "POST", 201)]
    assert told[3:] == [("Amina", "GET", 200)] * 3 + [("Amina", "GET", 404)]
    assert written[5]["route"].endswith("/slides/{slide_id}")
    assert written[5]["numbers"] == {"slide_id": "1"}
    assert "{code:path}" in written[4]["route"]
    assert written[4]["numbers"] == {}
    assert all(line["ms"] >= 0 and line["at"] and line["address"] for line in written)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_goes_to_the_standard_output_and_a_file_that_cannot_be_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = AccessLog("-")
    log.write({"method": "GET", "client": ("10.0.0.7", 1)}, 200, 0.0123)
    log.close()
    line = json.loads(capsys.readouterr().out)
    assert (line["address"], line["ms"], line["who"], line["route"]) == ("10.0.0.7", 12.3, None, None)
    with pytest.raises(PlasmoscopeError, match=r"nowhere.*folder that is there"):
        AccessLog(str(tmp_path / "nowhere" / "access.log"))
