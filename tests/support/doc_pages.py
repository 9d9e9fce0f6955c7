"""README and the pages under docs, and what they tell people to type."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser

from plasmoscope import cli

ROOT = Path(__file__).resolve().parent
while not (ROOT / "pyproject.toml").exists():
    ROOT = ROOT.parent
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ADDRESS = "http://127.0.0.1:8000"

# Commands that take hours, wait for people, or need a connection: here their options alone are checked, and the named
# test runs the same command on little.
RUN_ON_LITTLE = {
    "demo": "test_the_demo_draws_what_it_found",
    "serve": "test_every_acknowledged_upload_outlives_servers_that_are_killed",
    "watch": "test_the_command_sends_what_another_computers_camera_saves",
    "data download": "test_a_download_arrives_whole",
    "sweep mobilenet_v2_96": "test_settings_are_trained_pruned_and_gone_on_with_after_a_kill",
    "train vgg19_f": "test_every_recipe_runs_from_data_to_a_usable_model",
    "train plasmosenet": "test_every_recipe_runs_from_data_to_a_usable_model",
    "train mobilenet_residual": "test_every_recipe_runs_from_data_to_a_usable_model",
    "train resnet50_features": "test_every_recipe_runs_from_data_to_a_usable_model",
    "train mobilenet_v2": "test_every_recipe_runs_from_data_to_a_usable_model",
    "train resnet34": "test_two_processes_learn_what_one_learns",
    "train --smoke": "test_a_smoke_run_needs_neither_data_nor_network",
    "train fast": "test_every_recipe_runs_from_data_to_a_usable_model",
    "cascade": "test_the_command_makes_a_cascade_that_classifies",
    "export": "test_the_command_tells_what_was_lost",
    "classify cells/ --model mobilenet_v2_int8.onnx": "test_the_command_tells_what_was_lost",
    "classify cells/ --model my_cascade.json": "test_the_command_makes_a_cascade_that_classifies",
    "lr-range": "test_the_range_test_suggests_a_rate_between_no_progress_and_divergence",
    "evaluate --data data/": "test_evaluation_writes_figures_and_pictures",
    "compare": "test_compare_writes_every_run_with_its_protocol",
    "recompute": "test_figures_follow_from_what_was_published_alone",
    "audit": "test_the_command_writes_a_sheet_a_picture_and_tables",
    "evaluate-fields images/ --truth boxes/ --classes 0=parasite,1=red_cell --model runs/": (
        "test_the_command_prints_a_table_and_writes_its_files"
    ),
    "evaluate-fields images/ --truth boxes/ --classes 0=parasite,1=red_cell --performance": (
        "test_the_command_writes_what_analyze_takes"
    ),
    "agree": "test_results_name_the_rule_and_the_slides_that_need_a_third_reader",
    "adapt": "test_the_commands_make_show_use_and_take_back_a_profile",
    "profiles list": "test_the_commands_make_show_use_and_take_back_a_profile",
    "analyze slide-17/ --profile": "test_the_commands_make_show_use_and_take_back_a_profile",
}
# Run by `.ci/run` itself.
SECOND_COMMAND = "python3 run.py test"


def blocks(page: Path, language: str) -> list[Example]:
    document = Document.parse(str(page), CodeBlockParser(language, evaluator=lambda example: None))
    return list(document.examples())


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a block, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def plasmoscope_of(words: list[str]) -> list[str] | None:
    """What comes after ``plasmoscope``, or after ``python3 run.py``, which sets up and then runs the same."""
    if words[:2] == ["python3", "run.py"]:
        return words[2:]
    return words[1:] if words[0] == "plasmoscope" else None


def run_on_little(arguments: list[str]) -> str | None:
    text = shlex.join(arguments)
    return next((test for start, test in RUN_ON_LITTLE.items() if text.startswith(start)), None)


def command_of(arguments: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and the words after its name."""
    command: Any = typer.main.get_command(cli.app)
    words = cli._with_all_views(arguments)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    return command, words


def check_options(arguments: list[str]) -> None:
    """The command exists and takes these words; nothing runs."""
    command, words = command_of(arguments)
    command.make_context(command.name, words)
