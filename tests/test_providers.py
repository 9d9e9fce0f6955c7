"""What networks are computed on: named, checked before anything is computed, and told in reports."""

import re
from pathlib import Path

import onnxruntime
import pytest

from command_line import run
from plasmoscope import Classifier
from plasmoscope.analysis.method import Method, calling
from plasmoscope.classification.classifier import find_model
from plasmoscope.i18n.languages import LANGUAGES
from plasmoscope.networks import open_session
from plasmoscope.providers import PROVIDERS, ProviderError, choose_provider, chosen_provider, onnxruntime_providers
from plasmoscope.reports.wording import ReportWords
from reported import FIELD
from slides import slide_of

CPU_ALONE = ["CPUExecutionProvider"]


@pytest.fixture
def only_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: CPU_ALONE)


@pytest.mark.usefixtures("only_the_processor")
@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "cpu"])
def test_one_that_is_not_there_names_its_package_and_those_that_are(name: str) -> None:
    with pytest.raises(ProviderError, match=rf"'{name}'; there are here: cpu\. Install {PROVIDERS[name].package}"):
        choose_provider(name)
    assert chosen_provider() == "cpu"


def test_one_that_nobody_knows_is_told_those_that_there_are() -> None:
    with pytest.raises(ProviderError, match=re.escape(", ".join(PROVIDERS))):
        choose_provider("abacus")


@pytest.mark.usefixtures("only_the_processor")
def test_the_command_ends_before_it_reads_a_cell(
    few_cells: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("classify", few_cells, "--provider", "cuda", monkeypatch=monkeypatch) == 2
    assert "onnxruntime-gpu" in " ".join(capsys.readouterr().err.split())


def test_the_processor_does_what_an_accelerator_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", *CPU_ALONE])
    choose_provider("cuda")
    assert onnxruntime_providers() == ["CUDAExecutionProvider", *CPU_ALONE]


def test_an_accelerator_that_does_not_begin_is_no_silent_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("has what this test takes to be missing")
    network = find_model(None).read_bytes()
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", *CPU_ALONE])
    choose_provider("cuda")
    with pytest.raises(ProviderError, match="cannot begin to compute on 'cuda'"):
        open_session(network, "tests")


def test_reports_tell_what_was_computed_on(field_classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLASMOSCOPE_PROVIDER", "cuda")
    assert Method.of(field_classifier, calling(field_classifier)).provider == "cuda"
    slide = slide_of(FIELD)
    for language in LANGUAGES.values():
        words = ReportWords(language)
        assert "cuda" in words.versions(slide.model_copy(update={"provider": "cuda"}))
        assert "cuda" not in words.versions(slide)
