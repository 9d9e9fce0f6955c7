"""README and the pages under docs: one page, no dead link, no block that no test runs, no unknown option."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import run
from mkdocs.commands.build import build
from mkdocs.config import load_config

from doc_pages import (
    PAGES,
    README,
    ROOT,
    RUN_ON_LITTLE,
    SECOND_COMMAND,
    blocks,
    check_options,
    command_of,
    commands,
    plasmoscope_of,
)


def by_name(page: Path) -> str:
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_in_blocks_take_their_options(page: Path) -> None:
    for example in blocks(page, "sh"):
        for words in commands(str(example.parsed)):
            arguments = plasmoscope_of(words)
            if arguments is not None and arguments != ["test"]:
                check_options(arguments)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_within_sentences_take_their_options(page: Path) -> None:
    for inline in re.findall(r"`(?:plasmoscope|python3 run\.py) ([a-z][^`]*)`", page.read_text()):
        arguments = shlex.split(inline)
        if arguments != ["test"]:
            command, words = command_of(arguments)
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= known, inline


def test_the_tests_that_run_long_commands_on_little_are_there() -> None:
    tests = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    for name in RUN_ON_LITTLE.values():
        assert f"def {name}(" in tests


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_block_says_what_it_is(page: Path) -> None:
    opening = re.findall(r"^```(.*)$", page.read_text(), re.MULTILINE)[::2]
    assert set(opening) <= {"python", "sh", "text", "toml"}, "a block of another kind would be run by no test"


def test_the_readme_is_one_page_and_says_research_use_once() -> None:
    text = README.read_text()
    assert len(text.split()) <= 700
    assert text.count("research use") == 1


def test_the_second_command_of_the_readme_is_what_ci_runs() -> None:
    first, second = [words for example in blocks(README, "sh") for words in commands(str(example.parsed))][:2]
    assert shlex.join(first) == "python3 run.py demo"
    assert shlex.join(second) == SECOND_COMMAND
    assert SECOND_COMMAND in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            file = page.parent / path if path else page
            assert file.exists(), f"{page.name} links to {target}"
            assert not anchor or anchor in anchors(file), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_files_that_a_page_names_are_there(name: str) -> None:
    """A folder, a module, or a test by its name alone, for tests lie in folders of their own."""
    for named in re.findall(r"`([\w./]+(?:/|\.py|\.toml))`", (ROOT / name).read_text()):
        places = [ROOT / named, ROOT / "src" / "plasmoscope" / named]
        assert any(place.exists() for place in places) or list((ROOT / "tests").rglob(named)), named


def test_every_package_that_is_used_stands_among_the_library_choices() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: needed for name, needed in project["optional-dependencies"].items() if name != "dev"}
    used = {re.split(r"[\[<>=;]", line)[0] for needed in (project["dependencies"], *extras.values()) for line in needed}
    told = set(re.findall(r"`([\w.-]+)`", (ROOT / "docs" / "libraries.md").read_text()))
    assert used - {"plasmoscope"} <= told, "a new package gets a line that says why"


def test_the_site_is_built_without_a_warning_and_asks_no_other_server_for_anything(tmp_path: Path) -> None:
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path), strict=True))
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(list((ROOT / "docs").glob("*.md")))
    fetched = re.compile(r"""<(?:script|img|iframe|link rel="(?:stylesheet|preconnect|icon)")[^>]*"https?://""")
    assert not [page for page in pages if fetched.search(page.read_text())]
    reference = (tmp_path / "reference" / "index.html").read_text()
    for name in ("analyze_slide", "SlideOptions", "Classifier", "Workstation", "render_field"):
        assert re.search(rf'id="plasmoscope[.\w]*\.{name}"', reference), name


def test_a_commit_is_checked_by_the_linters_that_ci_runs() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    for check in run.CHECKS:
        if check[0] != "pytest":
            assert f".venv/bin/python -m {' '.join(word for word in check[:2] if word != '.')}" in hooks, check
