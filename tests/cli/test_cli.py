import json
import os
import pickle
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from command_line import rows, run
from measured import measured
from pixel_bombs import pixel_bomb
from plasmoscope import Classifier
from plasmoscope.analysis.counting import NOT_MEASURED
from plasmoscope.analysis.method import calling
from plasmoscope.analysis.performance import write_performance
from plasmoscope.data.nih import load_nih
from plasmoscope.data.splits import make_split, save_split
from plasmoscope.evaluation.evaluate import Predictions, most_wrong, summarise, write_report
from plasmoscope.i18n.words import english
from plasmoscope.imaging.reading import read_image
from plasmoscope.labels import PARASITIZED
from plasmoscope.store import accounts
from plasmoscope.store.store import Store
from plasmoscope.synthetic.rendering import render_field
from plasmoscope.training.models.mobilenet_v2 import mobilenet_v2


@pytest.fixture
def mixed_folder(tmp_path: Path, rendered_cells: list[tuple[np.ndarray, bool]]) -> Path:
    """Good cells of several kinds among every sort of bad file."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    cells = [Image.fromarray(cell) for cell, _ in rendered_cells[:8]]
    for index, cell in enumerate(cells[:5]):
        cell.save(folder / f"cell_{index}.png")
    cells[5].convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(np.asarray(cells[6].convert("L")).astype(np.uint16) * 257).save(folder / "grey16.tif")
    cells[7].save(folder / "خلية.png")
    whole = (folder / "cell_0.png").read_bytes()
    (folder / "bad_truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "bad_empty.png").touch()
    (folder / "bad_text.png").write_text("not a picture")
    (folder / "bad_bomb.png").write_bytes(pixel_bomb(30_000))
    return folder


def test_a_folder_with_broken_files_is_classified_to_the_end(
    mixed_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "cells.csv"
    assert run("classify", mixed_folder, "--output", output, monkeypatch=monkeypatch) == 1
    table = rows(output)
    assert [row["path"] for row in table] == [str(file) for file in sorted(mixed_folder.iterdir())]
    for row in table:
        bad = Path(row["path"]).name.startswith("bad_")
        assert bool(row["error"]) == bad, row
        assert bool(row["label"]) != bad, row
        if not bad:
            probability = float(row["probability"])
            infected = probability >= Classifier.load().card.threshold
            assert row["call"] == ("infected" if infected else "uninfected")
            # For one version more as before.
            assert row["label"] == ("Parasitized" if infected else "Uninfected")
    reasons = {Path(row["path"]).stem: row["error"] for row in table}
    assert "empty" in reasons["bad_empty"]
    assert "not an image" in reasons["bad_text"]
    assert "million" in reasons["bad_bomb"]
    assert "damaged" in reasons["bad_truncated"]


def test_a_picture_that_is_no_cell_cut_out_gets_a_remark_beside_its_probability(
    mixed_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(render_field(3, cells=30).image).save(tmp_path / "field.png")
    output = tmp_path / "cells.csv"
    arguments = ["classify", tmp_path / "field.png", mixed_folder / "cell_1.png", "--output", output]
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    field, cell = rows(output)
    assert "analyze" in field["remark"]
    assert field["probability"]
    assert cell["remark"] == ""
    said = capsys.readouterr().err
    assert "Do not rely on 1 of the answers" in said
    assert "field.png" in said.replace("\n", "")


def test_cells_on_a_clear_background_are_cut_out_on_request(
    rendered_cells: list[tuple[np.ndarray, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "on-white"
    folder.mkdir()
    for index, (cell, _) in enumerate(rendered_cells[:8]):
        framed = np.pad(cell, ((12, 12), (12, 12), (0, 0)))
        on_white = np.where(framed.max(axis=2, keepdims=True) == 0, np.array([235, 232, 228], np.uint8), framed)
        Image.fromarray(on_white).save(folder / f"{index}.png")
    tables: list[list[dict[str, str]]] = []
    for option in ([], ["--isolate"]):
        output = tmp_path / f"cells{len(tables)}.csv"
        assert run("classify", folder, *option, "--output", output, monkeypatch=monkeypatch) == 0
        tables.append(rows(output))
    assert all(row["remark"] for row in tables[0])
    assert not any(row["remark"] for row in tables[1])
    assert [row["call"] == "infected" for row in tables[1]] == [infected for _, infected in rendered_cells[:8]]


def test_cells_of_one_patient_may_be_judged_together(
    nih_folder: Path, mixed_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "cells.csv"
    given = [nih_folder, mixed_folder / "cell_0.png", mixed_folder / "cell_1.png", mixed_folder / "bad_empty.png"]
    assert run("classify", *given, "--by-smear", "--output", output, monkeypatch=monkeypatch) == 1
    *table, first, second, bad = rows(output)
    assert (bad["smear"], bad["probability"], bad["probability_alone"]) == ("", "", "")
    assert first["smear"] == second["smear"] == "unnamed"
    assert {row["smear"] for row in table} == set(load_nih(nih_folder).patients)
    cells = [row["path"] for row in table]
    classifier = Classifier.load()
    answers = [float(row["probability"]) for row in table]
    assert answers == pytest.approx(classifier.predict(cells, smears=[row["smear"] for row in table]), abs=1e-4)
    assert [float(row["probability_alone"]) for row in table] == pytest.approx(classifier.predict(cells), abs=1e-4)
    limit = classifier.card.threshold
    assert [row["call"] == "infected" for row in table] == [answer >= limit for answer in answers]


def test_a_long_name_is_folded_in_the_table_of_cells(
    mixed_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = mixed_folder / f"cell_{'x' * 90}.png"
    (mixed_folder / "cell_0.png").rename(cell)
    assert run("classify", cell, monkeypatch=monkeypatch) == 0
    assert "…" not in capsys.readouterr().out


def test_an_archive_gives_the_same_answers_as_its_folder(
    nih_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted(nih_folder.rglob("*.png"))
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        for file in files:
            archive.write(file, file.relative_to(nih_folder))
    assert run("classify", nih_folder, "--output", tmp_path / "a.csv", monkeypatch=monkeypatch) == 0
    assert run("classify", tmp_path / "cells.zip", "--output", tmp_path / "b.csv", monkeypatch=monkeypatch) == 0
    answers = [[row["parasitized_probability"] for row in rows(tmp_path / name)] for name in ("a.csv", "b.csv")]
    assert len(answers[0]) == len(files)
    assert answers[0] == answers[1]


def test_json_says_which_model_answered(mixed_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "cells.json"
    arguments = ["classify", mixed_folder / "cell_1.png", "--tta", "--threshold", "0.99", "--output", output]
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    content = json.loads(output.read_text("utf-8"))
    assert (content["views"], content["threshold"], len(content["model"]["sha256"])) == (8, 0.99, 64)
    assert content["cells"][0]["path"] == str(mixed_folder / "cell_1.png")


@pytest.mark.parametrize("arguments", [["--tta"], ["--tta", "5"], ["--tta", "8"], []])
def test_tta_may_stand_alone_or_with_a_number(
    arguments: list[str], mixed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("classify", *arguments, mixed_folder / "cell_1.png", monkeypatch=monkeypatch) == 0


def test_explain_draws_each_cell_beside_its_reasons(
    mixed_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "why.png"
    assert run("explain", mixed_folder, "--output", output, monkeypatch=monkeypatch) == 1
    printed = capsys.readouterr()
    assert "8 cells" in " ".join(printed.out.split())
    assert f"\n1: {mixed_folder / 'cell_0.png'}\n" in printed.out, "a tile's number leads to its file"
    assert "bad_text.png" in printed.err.replace("\n", "")
    assert read_image(output).std() > 20
    Image.fromarray(render_field(5, 320, 240, cells=6).image).save(tmp_path / "field.png")
    assert run("explain", tmp_path / "field.png", "--output", output, monkeypatch=monkeypatch) == 0
    assert "field.png (not one red cell on black" in capsys.readouterr().out


def test_wrong_use_ends_with_two_and_writes_nothing(
    mixed_folder: Path,
    nih_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "nothing").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for arguments in (
        ["classify", tmp_path / "nothing"],
        ["classify", tmp_path / "nowhere"],
        ["classify", mixed_folder, "--output", tmp_path / "cells.xlsx"],
        ["classify", mixed_folder, "--output", tmp_path / "no folder" / "cells.csv"],
        ["classify", mixed_folder, "--model", tmp_path / "no.onnx"],
        ["classify", mixed_folder, "--tta", "3"],
        ["explain", mixed_folder, "--output", tmp_path / "no folder" / "why.png"],
        ["explain", tmp_path / "nothing"],
        ["data", "split", nih_folder, "seed42", "--output", tmp_path / "no folder" / "split.csv"],
        ["convert", tmp_path / "model.pth", "--output", tmp_path / "no folder" / "model.onnx"],
        ["classify"],
    ):
        assert run(*arguments, monkeypatch=monkeypatch) == 2, arguments
        told = capsys.readouterr().err
        assert "Traceback" not in told
        assert ".part" not in told
    assert sorted(tmp_path.rglob("*")) == before


def test_the_demo_draws_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("demo", "--output", tmp_path / "demo", monkeypatch=monkeypatch) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "truly infected" in printed
    assert "not a medical device" in printed
    assert (tmp_path / "demo" / "report.pdf").read_bytes().startswith(b"%PDF")
    pictures = sorted((tmp_path / "demo" / "fields").glob("*-annotated.jpg"))
    assert len(pictures) == 3
    assert read_image(pictures[0]).std() > 20


def test_analyze_writes_the_report_of_a_slide_and_names_what_it_could_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "slide"
    folder.mkdir()
    Image.fromarray(render_field(31, cells=60, parasitaemia=0.1).image).save(folder / "one.png")
    (folder / "two.jpg").write_bytes(b"no picture")
    (folder / "labels.txt").write_text("0 0.5 0.5 0.1 0.1")
    output = tmp_path / "out"
    head = tmp_path / "head.toml"
    head.write_text('name = "Hospital of Gulu"\naddress = ["P.O. Box 160"]\nlogo = "logo.png"')
    Image.new("RGB", (30, 10), "navy").save(tmp_path / "logo.png")
    arguments = ("analyze", folder, "--slide", "S 17", "--red-cells", "4000000", "--output", output)
    assert run(*arguments, "--letterhead", head, monkeypatch=monkeypatch) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "red cells were called infected" in printed
    assert "measured: 4,000,000" in printed
    assert f"Corrected for wrong calls: not given. {english(NOT_MEASURED)}" in printed
    slide = json.loads((output / "slide.json").read_text())
    assert [field["name"] for field in slide["fields"]] == ["one.png", "two.jpg"]
    assert slide["fields"][1]["error"]
    for name in ("report.html", "report.pdf", "cells.csv", "fields.csv", "coco.json"):
        assert (output / name).stat().st_size > 0
    report = (output / "report.html").read_text()
    assert all(said in report for said in ("Hospital of Gulu", "P.O. Box 160", "data:image/png;base64,"))
    slide = json.loads((output / "slide.json").read_text())
    # A name that is no text, as from an old archive, loses nothing.
    odd = folder / os.fsdecode(b"f\xe9ld.png")
    odd.write_bytes((folder / "one.png").read_bytes())
    assert run(*arguments, monkeypatch=monkeypatch) == 1
    assert r"f\udce9ld.png" in (output / "fields.csv").read_text("utf-8")
    for _ in range(2):
        assert run("analyze", odd, "--output", tmp_path / "odd", monkeypatch=monkeypatch) == 0
    odd.unlink()
    # Another slide's report is not written over.
    before = (output / "slide.json").read_bytes()
    assert run(*arguments, "--patient", "Q", monkeypatch=monkeypatch) == 2
    assert "report of slide S 17" in " ".join(capsys.readouterr().err.split())
    assert run("analyze", folder / "two.jpg", "--output", output, monkeypatch=monkeypatch) == 2
    assert (output / "slide.json").read_bytes() == before
    # Nor are its own pictures photographs of the slide, where they lie beside them.
    inside = folder / "analysis"
    for _ in range(2):
        assert run("analyze", folder, "--output", inside, monkeypatch=monkeypatch) == 1
    assert len(json.loads((inside / "slide.json").read_text())["fields"]) == 2
    assert run("analyze", tmp_path / "nothing", monkeypatch=monkeypatch) == 2


def test_analyze_corrects_a_count_with_what_was_measured_here_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], field_classifier: Classifier
) -> None:
    photograph, file, output = tmp_path / "one.png", tmp_path / "performance.json", tmp_path / "out"
    Image.fromarray(render_field(31, cells=60, parasitaemia=0.1).image).save(photograph)
    how = calling(field_classifier)
    here = measured(model_sha256=field_classifier.card.sha256, threshold=how.threshold, views=how.views)
    write_performance(file, here)
    arguments = ("analyze", photograph, "--output", output, "--performance", file)
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "as measured on 1 Feb 2026 on slides of St. Mary, Kisumu" in printed
    count = json.loads((output / "slide.json").read_text())["count"]
    assert (count["sensitivity"], count["performance"]["laboratory"]) == (0.9, "St. Mary, Kisumu")
    assert count["corrected"]
    before = (output / "slide.json").read_bytes()
    for more, told in (
        (("--threshold", "0.5"), f"another threshold: {how.threshold}"),
        (("--tta", "1"), "number of views: 8"),
    ):
        assert run(*arguments, *more, monkeypatch=monkeypatch) == 2
        assert told in " ".join(capsys.readouterr().err.split())
    file.write_text("{}")
    assert run(*arguments, monkeypatch=monkeypatch) == 2
    assert "holds no measured performance" in " ".join(capsys.readouterr().err.split())
    assert (output / "slide.json").read_bytes() == before


@pytest.mark.slow
def test_evaluation_writes_figures_and_pictures(
    nih_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--data", nih_folder, "--part", "all", "--tta", "1", "--tta", "5", "--output", tmp_path]
    assert run(*arguments, "--by-smear", monkeypatch=monkeypatch) == 0
    assert "sensitivity" in capsys.readouterr().out
    figures = json.loads((tmp_path / "all-5-view.json").read_text())["figures"]
    assert figures["auc"]["low"] <= figures["auc"]["value"] <= figures["auc"]["high"]
    for picture in ("confusion", "curves", "reliability", "most-wrong"):
        assert read_image(tmp_path / f"all-1-view-{picture}.png").std() > 10
    alone, by_smear = (json.loads((tmp_path / f"all-5-view{end}.json").read_text()) for end in ("", "-by-smear"))
    assert (alone["by_smear"], by_smear["by_smear"]) == (False, True)
    assert "patient" in by_smear["interval"]
    assert alone["figures"]["brier"] != by_smear["figures"]["brier"]


def test_an_evaluation_shows_wrong_calls_alone_and_takes_any_file_name(
    rendered_cells: list[tuple[np.ndarray, bool]], tmp_path: Path
) -> None:
    for index, (cell, infected) in enumerate(rendered_cells[:12]):
        folder = tmp_path / "cell_images" / ("Parasitized" if infected else "Uninfected")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(cell).save(folder / f"cell\udcff_{index}.png")
    dataset = load_nih(tmp_path)
    truth = dataset.labels == PARASITIZED
    assert most_wrong(np.where(truth, 0.6, 0.4), truth, 0.5).size == 0
    wrong = np.where(truth, 0.9, 0.6)
    wrong[np.flatnonzero(~truth)[1]] = 0.8
    assert most_wrong(wrong, truth, 0.5).tolist() == [np.flatnonzero(~truth)[1], *np.delete(np.flatnonzero(~truth), 1)]
    for probabilities, drawn in ((wrong, True), (np.where(truth, 0.6, 0.4), False)):
        predictions = Predictions(dataset, tuple(range(len(dataset))), 1, probabilities, truth)
        write_report(tmp_path, predictions, summarise(predictions, "seed42", "all", 0.5, False))
        assert (tmp_path / "all-1-view-most-wrong.png").exists() == drawn
    assert r"cell\udcff_" in (tmp_path / "all-1-view.csv").read_text()
    save_split(make_split("80-20", dataset), dataset, tmp_path / "split.csv")
    assert r"cell\udcff_" in (tmp_path / "split.csv").read_text()


@pytest.mark.slow
def test_published_weights_are_converted_and_pickled_code_is_refused(
    mixed_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    torch.save(mobilenet_v2().state_dict(), tmp_path / "model.pth")
    assert run("convert", tmp_path / "model.pth", "--image-size", "64", monkeypatch=monkeypatch) == 0
    cell = mixed_folder / "cell_1.png"
    assert run("classify", cell, "--model", tmp_path / "model.onnx", monkeypatch=monkeypatch) == 0

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "owned"),)

    for name, content in (("evil", pickle.dumps(Evil())), ("words", b"hello"), ("empty", b"")):
        (tmp_path / f"{name}.pth").write_bytes(content)
        assert run("convert", tmp_path / f"{name}.pth", monkeypatch=monkeypatch) == 2
        assert "Error:" in capsys.readouterr().err
    torch.save(Evil(), tmp_path / "evil.pth")
    assert run("convert", tmp_path / "evil.pth", monkeypatch=monkeypatch) == 2
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "other.pth")
    assert run("convert", tmp_path / "other.pth", monkeypatch=monkeypatch) == 2
    assert not (tmp_path / "owned").exists()
    assert not (tmp_path / "evil.onnx").exists()


def test_describe_and_split_answer_on_the_command_line(
    nih_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("data", "describe", nih_folder, "--grid", tmp_path / "grid.png", monkeypatch=monkeypatch) == 0
    assert "infected" in capsys.readouterr().out
    output = tmp_path / "split.csv"
    assert run("data", "split", nih_folder, "seed42", "--output", output, monkeypatch=monkeypatch) == 0
    assert {row["part"] for row in rows(output)} == {"train", "validation", "test"}


def test_accounts_are_made_reset_and_activated_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PLASMOSCOPE_PASSWORD", raising=False)
    typed: list[str] = []
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: typed.pop(0))

    def account(*arguments: object) -> tuple[int, str]:
        code = run("account", *arguments, "--data", tmp_path, monkeypatch=monkeypatch)
        return code, " ".join(capsys.readouterr().out.split())

    def logs_in(password: str) -> bool:
        with Store(tmp_path).session() as session:
            return accounts.log_in(session, "Amina", password, hours=1) is not None

    typed += ["correct horse battery", "mistyped horse battery"] + ["correct horse battery"] * 2
    assert "do not match" in account("add", "Amina", "--role", "technician")[1]
    assert not typed
    assert logs_in("correct horse battery")
    typed += ["another long password"] * 2
    assert "Amina has a new password" in account("password", 1)[1]
    assert not logs_in("correct horse battery")
    assert logs_in("another long password")
    account("deactivate", 1)
    assert not logs_in("another long password")
    assert account("activate", 1) == (0, "Amina may log in again.")
    assert logs_in("another long password")
    monkeypatch.setenv("PLASMOSCOPE_PASSWORD", "a third long password")
    assert account("password", 1)[0] == 0
    assert logs_in("a third long password")
    assert account("password", 9)[0] == 2


def test_a_shared_workstation_without_accounts_says_how_to_make_one_where_it_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PLASMOSCOPE_DATABASE", raising=False)
    serve = ("serve", "--host", "0.0.0.0", "--data", tmp_path)
    assert run(*serve, monkeypatch=monkeypatch) == 2
    assert "--database" not in capsys.readouterr().err
    # Whatever the address, SQLite stands in for the server.
    monkeypatch.setattr("plasmoscope.web.app.Store", lambda folder, url: Store(folder))
    address = "postgresql://laboratory:secret@server/slides"
    assert run(*serve, "--database", address, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert "--database" in said
    assert "secret" not in said


def test_a_port_that_is_taken_is_named_before_anybody_is_sent_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run("serve", "--data", tmp_path, "--port", port, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr()
    assert "Open http" not in said.out
    assert "choose another --port" in " ".join(said.err.split())


def test_using_the_tool_needs_no_torch(tmp_path: Path, rendered_png: bytes) -> None:
    (tmp_path / "field.png").write_bytes(rendered_png)
    code = """if True:
        import sys
        from plasmoscope.cli import main
        for command in (["classify", "field.png"], ["analyze", "field.png"], ["explain", "field.png"]):
            sys.argv = ["plasmoscope", *command]
            try:
                main()
            except SystemExit as ended:
                assert not ended.code, command
        heavy = ("torch", "sklearn", "matplotlib", "lightning", "sqlalchemy", "fastapi")
        print("loaded:", [name for name in heavy if name in sys.modules])
    """
    said = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=tmp_path)
    assert said.splitlines()[-1] == "loaded: []"


def test_help_starts_without_numpy_or_an_inference_engine() -> None:
    code = "import sys, plasmoscope.cli; print([n for n in ('numpy', 'onnxruntime', 'cv2', 'PIL') if n in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_missing_extra_names_the_command_that_installs_it(
    nih_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("plasmoscope.extras._is_installed", lambda package: package != "torch")
    assert run("train", "mobilenet_v2", "--data", nih_folder, monkeypatch=monkeypatch) == 2
    assert 'pip install "plasmoscope[train]"' in " ".join(capsys.readouterr().err.split())
