"""``plasmoscope agree``."""

from pathlib import Path
from typing import get_args

import pytest

from command_line import run
from plasmoscope.analysis.two_readers import RULES
from plasmoscope.cli.agree import RuleName
from plasmoscope.csv_tables import read_csv

_READINGS = """slide,reader,infected,counted,species
17,Amina,40,2000,falciparum
17,Ben,44,2000,falciparum
18,Amina,0,2000,
18,Ben,3,2000,vivax
18,Chidi,2,2000,vivax
19,Amina,20,2000,
19,Ben,60,2000,
"""


def test_results_name_the_rule_and_the_slides_that_need_a_third_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readings, results = tmp_path / "readings.csv", tmp_path / "results.csv"
    readings.write_text(_READINGS)
    assert run("agree", readings, "--rule", "alexander-95", "--output", results, monkeypatch=monkeypatch) == 0
    rows = read_csv(results)
    assert [row["result"] for row in rows] == ["positive", "positive", "third reader needed"]
    assert [row["parasitaemia_percent"] for row in rows] == ["2.1", "0.125", ""]
    assert [row["disagreements"] for row in rows] == ["", "presence", "count"]
    assert {row["rule"] for row in rows} == {"alexander-95"}
    told = " ".join(capsys.readouterr().out.split())
    assert "mean of Ben and Chidi" in told
    assert "kappa" in told


def test_every_rule_can_be_asked_for() -> None:
    assert get_args(RuleName) == tuple(RULES)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slide,reader\n1,A\n", "needs the columns"),
        ("slide,reader,infected,counted\n1,A,few,2000\n", "row 2: infected and counted must be whole numbers"),
        ("slide,reader,infected,counted\n1,A,3,2\n", "row 2: 3 infected of 2"),
        ("slide,reader,infected,counted\n1,A,1,2000\n", "slide 1 needs two readings"),
        ("slide,reader,infected,counted\n1,A,1,2000\n1,A,1,2000\n", "another reader"),
    ],
)
def test_a_table_that_cannot_be_read_is_an_error_that_names_the_row(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readings = tmp_path / "readings.csv"
    readings.write_text(text)
    assert run("agree", readings, monkeypatch=monkeypatch) == 2
    assert told in " ".join(capsys.readouterr().err.split())
