"""The modules of ``examples/web``, and Node to run them, where one is installed."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from patience import PATIENCE

WEB = Path(__file__).parents[2] / "examples" / "web"


def run_module(module: str, expression: str, given: object) -> Any:
    """What an expression of ``module`` and ``given`` comes to; all of it goes through JSON. Skips without Node."""
    code = (
        "import { readFileSync } from 'node:fs';"
        f"const module = await import({json.dumps((WEB / 'page' / module).as_uri())});"
        "const given = JSON.parse(readFileSync(0, 'utf8'));"
        f"process.stdout.write(JSON.stringify({expression}));"
    )
    return json.loads(_run([_found("node"), "--input-type=module", "-e", code], json.dumps(given)))


def built_page(out: Path) -> Path:
    """The page with the model that ships. Skips where ONNX Runtime for browsers is not there and cannot be had."""
    node = _found("node")
    wanted = json.loads((WEB / "package.json").read_text())["dependencies"]["onnxruntime-web"]
    installed = WEB / "node_modules" / "onnxruntime-web" / "package.json"
    if not installed.exists() or json.loads(installed.read_text())["version"] != wanted:
        install = [_found("npm"), "install", "--no-audit", "--no-fund", "--prefer-offline"]
        try:
            subprocess.run(install, cwd=WEB, check=True, capture_output=True, timeout=PATIENCE)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip(f"needs onnxruntime-web {wanted}, which npm could not install in examples/web")
    _run([node, str(WEB / "build.mjs"), "--out", str(out)])
    return out


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"needs {program} (on Debian: apt install nodejs npm)")
    return path


def _run(command: list[str], given: str = "") -> str:
    ended = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
