"""Every command and every Python example of README, the pages under docs, and docstrings runs."""

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, DocTest, DocTestFinder, DocTestRunner
from glob import glob
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from command_line import run
from doc_pages import ADDRESS, PAGES, ROOT, SECOND_COMMAND, blocks, commands, plasmoscope_of, run_on_little
from page_files import PASSWORD, write_page_files
from plasmoscope import Classifier
from workstation import served

pytestmark = pytest.mark.slow
SOURCE = ROOT / "src"
MODULES = [
    ".".join(file.relative_to(SOURCE).with_suffix("").parts)
    for file in sorted(SOURCE.rglob("*.py"))
    if ">>> " in file.read_text("utf-8")
]


def in_this_folder(arguments: list[str]) -> list[str]:
    """The words as a shell here gives them to the command, with the names that a pattern stands for."""
    return [name for word in arguments for name in (sorted(glob(word)) or [word])]  # noqa: PTH207


def evaluate_curl(words: list[str]) -> None:
    answer = subprocess.run([*words, "--silent", "--show-error", "--fail"], check=True, capture_output=True)
    assert "error" not in json.loads(answer.stdout) or json.loads(answer.stdout)["error"] is None


@pytest.fixture(scope="module")
def page_files(tmp_path_factory: pytest.TempPathFactory, field_classifier: Classifier) -> Path:
    folder = tmp_path_factory.mktemp("page_files")
    write_page_files(folder, field_classifier)
    return folder


@pytest.fixture
def here(page_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files that the pages name, as the current folder."""
    folder = tmp_path / "here"
    shutil.copytree(page_files, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PLASMOSCOPE_PASSWORD", PASSWORD)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def address(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Starts a workstation where one is asked for, and gives its address."""
    with ExitStack() as stack:
        started: list[str] = []

        def start() -> str:
            if not started:
                started.append(stack.enter_context(served(tmp_path / "served")))
            return started[0]

        yield start


def pages_with(language: str) -> list[Any]:
    return [pytest.param(page, id=page.name) for page in PAGES if blocks(page, language)]


@pytest.mark.parametrize("page", pages_with("python"))
def test_every_python_example_runs(page: Path, here: Path, address: Callable[[], str]) -> None:
    namespace: dict[str, Any] = {}
    for example in blocks(page, "python"):
        text = str(example.parsed)
        if ADDRESS in text:
            text = text.replace(ADDRESS, address())
        exec(compile(text, f"{page}, line {example.line}", "exec"), namespace)


@pytest.mark.parametrize("page", pages_with("sh"))
def test_every_command_runs(
    page: Path, here: Path, address: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for example in blocks(page, "sh"):
        for words in commands(str(example.parsed)):
            arguments = plasmoscope_of(words)
            if shlex.join(words) == SECOND_COMMAND:
                continue
            if words[0] == "curl":
                if shutil.which("curl"):
                    evaluate_curl([word.replace(ADDRESS, address()) for word in words])
                continue
            assert arguments is not None, f"{page.name}, line {example.line}: {shlex.join(words)} is run by no test"
            if run_on_little(arguments) is None:
                assert run(*in_this_folder(arguments), monkeypatch=monkeypatch) == 0, shlex.join(words)


def examples_of(module: ModuleType) -> list[DocTest]:
    return [found for found in DocTestFinder().find(module) if found.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str, here: Path, address: Callable[[], str]) -> None:
    runner = DocTestRunner(optionflags=ELLIPSIS | NORMALIZE_WHITESPACE)
    for found in examples_of(import_module(name)):
        for example in found.examples:
            if ADDRESS in example.source:
                example.source = example.source.replace(ADDRESS, address())
        runner.run(found)
    assert runner.tries, "every example is skipped"
    assert not runner.failures, "see above"
