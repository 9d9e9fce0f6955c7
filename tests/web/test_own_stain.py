"""A laboratory's own stain at the workstation: profiles of corrected cells, on, off, taken back, and their traces."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from fastapi.testclient import TestClient

from analysed import analysed
from measured import measured
from patience import PATIENCE
from plasmoscope import Classifier
from plasmoscope.analysis.method import calling
from plasmoscope.analysis.results import Cell
from plasmoscope.classification.adaptation import LEAST_CELLS, Observed
from plasmoscope.classification.classifier import find_model
from plasmoscope.classification.familiar import FamiliarCells, familiar_of
from plasmoscope.classification.profile import Profile, ProfileError
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import audit, corrections, profiles
from plasmoscope.store.errors import ConflictError
from plasmoscope.store.slides import SlideDetails, create_slide
from plasmoscope.store.store import Store
from plasmoscope.store.taught import how_many_taught, taught_fields, with_taught_cells
from plasmoscope.synthetic.rendering import render_field
from plasmoscope.web.analysis_queue.model_workers import Lesson, ModelWorkers
from plasmoscope.web.analysis_queue.teaching import Making, Teacher
from slides import rendered_field
from workstation import ROLES, add_account, log_in, new_slide, running, upload, when_analysed, workers, workstation

PATH = "/api/v1/profiles"


@pytest.fixture(scope="module")
def photographs() -> tuple[bytes, bytes]:
    first, second = (encode_png(render_field(seed, cells=12, parasitaemia=0.2).image) for seed in (51, 52))
    return first, second


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with workstation(tmp_path) as client:
        yield client


def profile_of(classifier: Classifier, version: int = 1, **changes: object) -> Profile:
    """One under which every cell is called infected."""
    content = {
        "name": "kisumu",
        "version": version,
        "created": "2026-03-01",
        "plasmoscope": "0.1.0",
        "model": classifier.card.name,
        "model_sha256": classifier.card.sha256,
        "temperature": 1.0,
        "offset": 80.0,
        "threshold": 0.7,
        "source": "tests",
        "infected": 30,
        "uninfected": 41,
        "log_loss_before": 0.6,
        "log_loss": 0.3,
        "trial": {"found_before": 12, "found": 26, "wrong_before": 5, "wrong": 1},
        "familiar_accuracy_change": -0.07,
    }
    return Profile.model_validate(content | changes)


def kept(client: TestClient, profile: Profile) -> Profile:
    with running(client).store.session() as session:
        profiles.keep(session, "amina", profile)
    return profile


def analysed_slide(client: TestClient, code: str, photograph: bytes) -> dict[str, Any]:
    slide = new_slide(client, code=code)
    assert upload(client, slide, photograph).status_code == 201
    shown = when_analysed(client, slide)
    report = client.get(f"/api/v1/slides/{slide}/files/slide.json")
    assert report.status_code == 200, report.text
    return dict(json.loads(report.text)) | {"number": slide, "fields_of": shown["fields"]}


def noted(client: TestClient, subject: str) -> list[Any]:
    with running(client).store.reading() as session:
        return [*reversed(audit.entries(session, subject))]


def test_what_is_analysed_under_a_profile_keeps_it_and_the_audit_tells_each_step(
    client: TestClient, field_classifier: Classifier, photographs: tuple[bytes, bytes]
) -> None:
    profile = kept(client, profile_of(field_classifier))
    before = analysed_slide(client, "before", photographs[0])
    assert before["profile"] is None, "a profile is not used before it is switched on"
    on = client.post(f"{PATH}/kisumu/switch-on")
    assert on.status_code == 200, on.text
    during = analysed_slide(client, "during", photographs[0])
    used = profile.used.model_dump(mode="json")
    assert (during["profile"], during["threshold"]) == (used, 0.7)
    assert during["count"]["infected"] == during["count"]["counted"] > before["count"]["infected"]
    assert client.post(f"{PATH}/switch-off").status_code == 204
    assert analysed_slide(client, "after", photographs[0])["profile"] is None
    report = client.get(f"/api/v1/slides/{during['number']}/files/slide.json")
    assert json.loads(report.text)["profile"] == used, "results keep what they were made with"
    methods = [entry.detail["method"]["profile"] for entry in noted(client, "slide") if entry.action == "analyse"]
    assert methods == [None, used, None]
    steps = noted(client, "profile")
    assert [(entry.action, entry.who) for entry in steps] == [
        ("teach", "amina"),
        ("switch on", "local user"),
        ("switch off", "local user"),
    ]
    assert {entry.detail["sha256"] for entry in steps} == {profile.sha256}


def test_a_photograph_that_is_not_kept_is_called_under_the_profile_in_use_or_the_one_that_is_named(
    client: TestClient, field_classifier: Classifier, photographs: tuple[bytes, bytes]
) -> None:
    kept(client, profile_of(field_classifier))

    def infected(**query: str) -> tuple[int, int]:
        answer = client.post("/api/v1/analyze", params=query, files={"file": ("field.png", photographs[0])})
        assert answer.status_code == 200, answer.text
        whole = [cell for cell in answer.json()["cells"] if cell["kind"] == "red_cell" and not cell["on_border"]]
        return sum(bool(cell["parasitized"]) for cell in whole), len(whole)

    plain = infected()
    assert plain[0] < plain[1]
    named = infected(profile="kisumu")
    assert named[0] == named[1]
    client.post(f"{PATH}/kisumu/switch-on")
    assert infected() == named
    answer = client.post("/api/v1/analyze?profile=nairobi", files={"file": ("field.png", photographs[0])})
    assert answer.status_code == 404
    assert "no profile 'nairobi'" in answer.json()["error"]["message"]


def test_figures_measured_without_the_profile_correct_no_count_under_it(
    client: TestClient, field_classifier: Classifier
) -> None:
    how = calling(field_classifier)
    here = measured(model_sha256=field_classifier.card.sha256, threshold=how.threshold, views=how.views)
    assert client.put("/api/v1/performance", json=here.model_dump(mode="json")).status_code == 200
    kept(client, profile_of(field_classifier, threshold=how.threshold))
    client.post(f"{PATH}/kisumu/switch-on")
    assert "another profile: none" in client.get("/api/v1/performance").json()["misfit"]
    client.post(f"{PATH}/switch-off")
    assert client.get("/api/v1/performance").json()["misfit"] is None


def test_single_cells_are_called_under_the_profile_that_is_named(
    client: TestClient, field_classifier: Classifier, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    profile = kept(client, profile_of(field_classifier))
    kept(client, profile_of(field_classifier, name="elsewhere", model_sha256="f" * 64))
    files = [("files", ("healthy.png", encode_png(cell))) for cell, infected in rendered_cells if not infected][:2]

    def called(**asked: str) -> tuple[int, dict[str, Any]]:
        answer = client.post("/api/v1/classify", params=asked, files=files)
        return answer.status_code, answer.json()

    status, plain = called()
    assert (status, plain["profile"]) == (200, None)
    assert {cell["call"] for cell in plain["cells"]} == {"uninfected"}
    status, under = called(profile="kisumu")
    assert (status, under["profile"]) == (200, profile.used.model_dump(mode="json"))
    assert (under["model"], under["threshold"]) == (field_classifier.card.name, 0.7), "by the network it was made for"
    assert {cell["call"] for cell in under["cells"]} == {"infected"}
    assert {cell["reference"] for cell in under["cells"]} == {"standard"}
    assert {cell["by"] for cell in under["cells"]} == {f"{field_classifier.card.name}, profile {profile.used}"}
    assert called(profile="nairobi")[0] == 404
    status, refused = called(profile="elsewhere")
    assert (status, refused["error"]["code"]) == (422, "invalid")
    assert "does not fit this one" in refused["error"]["message"]
    assert noted(client, "profile")[-1].action == "teach", "naming one switches nothing"


def test_undoing_a_profile_brings_back_the_version_before_it_and_no_number_twice(
    client: TestClient, field_classifier: Classifier
) -> None:
    for version in (1, 2):
        kept(client, profile_of(field_classifier, version))
    client.post(f"{PATH}/kisumu/switch-on")

    def listed() -> list[tuple[int, bool]]:
        return [(one["profile"]["version"], one["in_use"]) for one in client.get(PATH).json()["profiles"]]

    kept(client, profile_of(field_classifier, 3))
    assert listed() == [(3, False), (2, True), (1, False)]
    assert client.post(f"{PATH}/kisumu/undo").status_code == 204
    assert listed() == [(2, True), (1, False)], "what is in use stays so when a later version is taken back"
    assert client.post(f"{PATH}/kisumu/undo").status_code == 204
    assert listed() == [(1, True)]
    assert client.post(f"{PATH}/kisumu/undo").status_code == 204
    assert listed() == []
    assert client.post(f"{PATH}/kisumu/undo").status_code == 404
    with running(client).store.reading() as session:
        assert profiles.next_version(session, "kisumu") == 4
        assert profiles.by_use(session, profile_of(field_classifier, 2).used) == profile_of(field_classifier, 2)
    assert [entry.detail.get("in_use_again") for entry in noted(client, "profile")][-2:] == [1, None]


def test_one_profile_is_in_use_at_a_time_and_none_of_another_model(
    client: TestClient, field_classifier: Classifier
) -> None:
    for name in ("kisumu", "nairobi"):
        kept(client, profile_of(field_classifier, name=name))
        assert client.post(f"{PATH}/{name}/switch-on").status_code == 200
    in_use = [one["profile"]["name"] for one in client.get(PATH).json()["profiles"] if one["in_use"]]
    assert in_use == ["nairobi"]
    kept(client, profile_of(field_classifier, name="elsewhere", model_sha256="f" * 64))
    refused = client.post(f"{PATH}/elsewhere/switch-on")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")
    assert "does not fit this one" in refused.json()["error"]["message"]


def test_a_profile_that_a_later_model_no_longer_fits_is_kept_told_and_not_used(
    client: TestClient, field_classifier: Classifier
) -> None:
    kept(client, profile_of(field_classifier))
    client.post(f"{PATH}/kisumu/switch-on")
    at_work = running(client)
    later = at_work.method.model_copy(update={"model_sha256": "f" * 64})
    with at_work.store.reading() as session:
        assert profiles.in_use(session, at_work.method) is not None
        assert profiles.in_use(session, later) is None
    client.app.state.workstation = replace(at_work, method=later)  # type: ignore[attr-defined]
    client.cookies.set("welcome", "accepted")
    assert "was made for another model" in client.get("/profiles").text


def test_a_technician_makes_a_profile_and_an_admin_alone_switches_it(
    tmp_path: Path, field_classifier: Classifier
) -> None:
    with workstation(tmp_path, host="192.168.1.5") as client:
        for name, role in ROLES.items():
            add_account(client, name, role)
        reader, technician, admin = (log_in(client, name) for name in ROLES)
        kept(client, profile_of(field_classifier))
        client.cookies.set("welcome", "accepted")
        for base in (PATH, "/profiles"):
            for headers in (reader, technician):
                for step in ("switch-off", "kisumu/switch-on", "kisumu/undo"):
                    assert client.post(f"{base}/{step}", headers=headers).status_code == 403, step
        assert client.post(PATH, json={"name": "ours"}, headers=reader).status_code == 403
        refused = client.post(PATH, json={"name": "ours"}, headers=technician)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")
        assert f"at least {LEAST_CELLS} cells that people called" in refused.json()["error"]["message"]
        assert client.post(f"{PATH}/kisumu/switch-on", headers=admin).status_code == 200
        assert client.get(PATH, headers=reader).json()["profiles"][0]["by"] == "amina"
        assert client.get(PATH).status_code == 401


def test_the_page_says_what_a_profile_would_change_and_switches_it(
    client: TestClient, field_classifier: Classifier
) -> None:
    kept(client, profile_of(field_classifier))
    client.cookies.set("welcome", "accepted")
    client.headers |= {"accept": "text/html", "origin": "http://testserver"}

    def see() -> str:
        shown = " ".join(re.sub("<[^>]*>", " ", client.get("/profiles").text).replace("&#39;", "'").split())
        return shown.replace("\u2068", "").replace("\u2069", "").replace("\u2212", "-")

    assert "Cells are called as the model does by itself." in see()
    assert "Of 30 infected cells the model by itself finds 12, with the profile 26." in see()
    assert "Of 41 other cells the model by itself calls 5 infected, with the profile 1." in see()
    assert "changes by -0.07 percentage points" in see()
    assert client.post("/profiles/kisumu/switch-on").url.path == "/profiles"
    assert "Cells are called under the profile kisumu, version 1." in see()
    assert client.post("/profiles/switch-off").url.path == "/profiles"
    assert "Cells are called as the model does by itself." in see()
    refused = client.post("/profiles", data={"name": "ours"})
    assert refused.status_code == 422
    assert "Call more cells" in refused.text
    assert client.post("/profiles/kisumu/undo").url.path == "/profiles"
    assert "kisumu, version" not in see()
    client.cookies.set("language", "fr")
    assert "Apprenez-lui votre coloration" in see()


# Made of corrected cells


def with_called_cells(folder: Path, photographs: int) -> Store:
    """Records in which a person called each whole cell of some rendered photographs as the truth has it."""
    store = Store(folder)
    with store.session() as session:
        details = SlideDetails("P-1", "S-1", taken_on=date(2026, 3, 1))
        slide = create_slide(session, "amina", details).id
    for seed in range(photographs):
        image, found = rendered_field(f"{seed}.png", seed=100 + seed, parasitaemia=0.4)
        field = analysed(store, slide, image, found)
        with store.session() as session:
            for cell in found.cells:
                if cell.kind == "red_cell":
                    corrections.correct(
                        session, "amina", field, cell.number, "infected" if cell.parasitized else "uninfected"
                    )
    return store


def when_made(teacher: Teacher) -> Making | None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        making = teacher.making
        if making is None or making.refusal:
            return making
        time.sleep(0.05)
    raise TimeoutError("the profile is not made")


class SureWorkers:
    """Their network knows nothing of a cell, but one direction of its features tells what people call it."""

    def __init__(self, familiar: FamiliarCells) -> None:
        direction = familiar.components[20]
        self._step = 3 * direction / (direction @ direction)
        self._middle = familiar.centre

    def observe(self, photograph: Path, cells: Sequence[Cell]) -> Observed:
        assert photograph.is_file()
        signs = np.where([bool(cell.parasitized) for cell in cells], 1, -1)[:, None]
        features = np.repeat((self._middle + signs * self._step)[:, None], 8, axis=1)
        return Observed(np.zeros(features.shape[:2], np.float32), features.astype(np.float16))

    def learn(self, lesson: Lesson) -> Profile:
        return workers().model.learn(lesson)


def test_corrected_cells_make_a_profile_beside_other_work(tmp_path: Path, field_classifier: Classifier) -> None:
    familiar = familiar_of(field_classifier, find_model(None, "fields"))
    assert familiar is not None
    store = with_called_cells(tmp_path, 5)
    with store.reading() as session:
        fields = list(taught_fields(session, with_taught_cells(session)))
        calls = [infected for field in fields for _, infected in field.cells]
        assert sum(how_many_taught(session)) >= len(calls) >= LEAST_CELLS
    teacher = Teacher(store, cast(ModelWorkers, SureWorkers(familiar)))
    begun = teacher.begin("amina", "ours")
    assert (begun.name, begun.of, begun.refusal) == ("ours", 5, None)
    with pytest.raises(ConflictError, match="is being made"):
        teacher.begin("amina", "theirs")
    assert when_made(teacher) is None
    with store.reading() as session:
        (entry,) = profiles.entries(session)
    profile = entry.profile
    assert (entry.by, entry.in_use, profile.version, profile.infected) == ("amina", False, 1, sum(calls))
    assert profile.uninfected == len(calls) - sum(calls)
    assert (profile.trial.found, profile.trial.wrong) == (sum(calls), 0)
    profile.check(field_classifier.card.sha256)
    store.close()


def test_the_network_looks_at_called_cells_in_a_process_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "field.png"
    image, found = rendered_field()
    file.write_bytes(encode_png(image))
    some = [cell for cell in found.cells if cell.kind == "red_cell"][:3]
    observed = workers().model.observe(file, some)
    assert observed.log_odds.shape == (3, 8)
    assert observed.features is not None
    assert observed.features.shape[:2] == (3, 8)


def test_a_profile_of_too_few_cells_or_of_a_name_that_is_none_is_refused_before_the_work(tmp_path: Path) -> None:
    store = with_called_cells(tmp_path, 1)
    teacher = Teacher(store, workers().model)
    with pytest.raises(ProfileError, match="Call more cells"):
        teacher.begin("amina", "ours")
    with pytest.raises(ProfileError, match="A profile is named with letters"):
        teacher.begin("amina", "../ours")
    assert teacher.making is None
    store.close()


def test_a_profile_that_cannot_be_made_says_why(tmp_path: Path, field_classifier: Classifier) -> None:
    familiar = familiar_of(field_classifier, find_model(None, "fields"))
    assert familiar is not None
    store = with_called_cells(tmp_path, 5)

    class AnotherModelWorkers(SureWorkers):
        def learn(self, lesson: Lesson) -> Profile:
            raise ProfileError("profile_no_better")

    teacher = Teacher(store, cast(ModelWorkers, AnotherModelWorkers(familiar)))
    for _ in range(2):
        # Another try is free.
        assert teacher.begin("amina", "ours").refusal is None
        assert when_made(teacher) == Making("ours", 5, 5, str(ProfileError("profile_no_better")))
    with store.reading() as session:
        assert profiles.entries(session) == []
    store.close()
