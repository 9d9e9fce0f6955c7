"""The scripts for SLURM under ``deploy/slurm``: a shell takes them, and they give the commands that they mean."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from doc_pages import ROOT, check_options

SCRIPTS = sorted((ROOT / "deploy" / "slurm").glob("*.sbatch"))
# What SLURM tells the second of sixteen jobs, on the first of four machines.
TOLD = {
    **{"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "16", "SLURM_CPUS_PER_TASK": "4", "SLURM_NNODES": "4"},
    **{"SLURM_JOB_NUM_NODES": "4", "SLURM_NTASKS_PER_NODE": "8"},
}
pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")


def commands_of(script: Path, folder: Path) -> list[list[str]]:
    """What a script runs, by programs of the same names that only write down their words."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()
    for name in ("plasmoscope", "ray", "srun", "hostname"):
        program = folder / name
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$(basename "$0") $*" >> "$WRITTEN"\necho first-machine\n')
        program.chmod(0o755)
    written = folder / "written"
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    # A job ends with what it began beside itself; a shell does not wait for that.
    whole = ["sh", "-c", '. "$0"; wait', str(script)]
    subprocess.run(whole, check=True, cwd=folder, env={**TOLD, "PATH": path, "WRITTEN": str(written)})
    return [shlex.split(line) for line in written.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_is_one_that_bash_takes_and_gives_commands_that_there_are(script: Path, tmp_path: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    commands = commands_of(script, tmp_path)
    (given,) = (words[words.index("plasmoscope") + 1 :] for words in commands if "plasmoscope" in words)
    check_options(given)


def test_each_job_of_an_array_takes_its_share_with_all_its_processors(tmp_path: Path) -> None:
    ((*_, shard, _, processes),) = commands_of(ROOT / "deploy" / "slurm" / "batch.sbatch", tmp_path)
    assert (shard, processes) == ("2/16", "4")


def test_a_cluster_has_a_head_and_all_other_machines(tmp_path: Path) -> None:
    commands = commands_of(ROOT / "deploy" / "slurm" / "ray.sbatch", tmp_path)
    heads = [words for words in commands if words[:3] == ["ray", "start", "--head"]]
    others = [words for words in commands if words[0] == "srun"]
    assert len(heads) == len(others) == 1
    assert {"--nodes=3", "--exclude=first-machine", "--address=first-machine:6379"} <= set(others[0])
    assert ["--ray", "first-machine:6379"] in [words[-2:] for words in commands]


def test_training_has_a_process_for_each_gpu_of_each_machine(tmp_path: Path) -> None:
    ((*_, nodes, _, devices),) = commands_of(ROOT / "deploy" / "slurm" / "train.sbatch", tmp_path)
    assert (nodes, devices) == ("4", "8")
