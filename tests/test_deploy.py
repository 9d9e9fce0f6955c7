"""The files under ``deploy``: what they name exists, and programs that read them accept them where they are here."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from doc_pages import ROOT, check_options
from plasmoscope.web.serving import server
from plasmoscope.web.settings import MAX_BODY

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service")) + sorted(DEPLOY.glob("*.timer"))
unless_windows = pytest.mark.skipif(sys.platform == "win32", reason="for servers with a shell")


def _compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return content


def _unit(file: Path) -> RawConfigParser:
    parser = RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(file)
    return parser


def _source() -> str:
    return "\n".join(file.read_text() for file in (ROOT / "src").rglob("*.py"))


def test_compose_has_a_database_the_program_a_proxy_and_a_backup_by_request() -> None:
    services = _compose()["services"]
    assert set(services) == {"database", "workstation", "proxy", "backup"}
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert services["backup"]["profiles"] == ["backup"]
    assert services["workstation"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    address = services["workstation"]["environment"]["PLASMOSCOPE_DATABASE"]
    owner = services["database"]["environment"]
    assert address.startswith(f"postgresql://{owner['POSTGRES_USER']}:")
    assert address.endswith(f"@database/{owner['POSTGRES_DB']}")
    assert services["proxy"]["environment"]["PLASMOSCOPE_UPSTREAM"] == "workstation:8000"


def test_every_volume_and_file_of_compose_is_there() -> None:
    content = _compose()
    for service in content["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in content["volumes"] or (DEPLOY / source).exists(), source
    build = content["services"]["workstation"]["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert (context / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    copied = re.findall(r"/source/([\w./]+)", (DEPLOY / "Dockerfile").read_text())
    assert {"constraints.txt", "deploy/backup.sh"} <= set(copied)
    assert all((context / name).exists() for name in copied)
    admitted = [line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split() if line.startswith("!")]
    assert all((context / name).exists() for name in admitted)
    assert {name.partition("/")[0] for name in copied} <= set(admitted)


def test_the_image_installs_extras_that_exist() -> None:
    (extras,) = re.findall(r"/source\[([\w,]+)\]", (DEPLOY / "Dockerfile").read_text())
    project = (ROOT / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras.split(","))


def test_every_command_takes_its_options() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    (default,) = re.findall(r"^CMD \[(.*)\]$", dockerfile, re.MULTILINE)
    commands = [re.findall(r'"([^"]*)"', default), _compose()["services"]["workstation"]["command"]]
    for unit in UNITS:
        if _unit(unit).has_option("Service", "ExecStart"):
            program, *arguments = shlex.split(_unit(unit)["Service"]["ExecStart"])
            if Path(program).name == "plasmoscope":
                commands.append(arguments)
    (backup,) = re.findall(r"^plasmoscope (.*)$", (DEPLOY / "backup.sh").read_text(), re.MULTILINE)
    commands.append(shlex.split(backup))
    assert len(commands) == 4
    for arguments in commands:
        check_options(list(arguments))


def test_every_variable_is_read_by_somebody() -> None:
    compose = (DEPLOY / "compose.yaml").read_text()
    example = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)", compose)) == example
    assert set(re.findall(r"\{\$(\w+)", (DEPLOY / "Caddyfile").read_text())) == set(
        _compose()["services"]["proxy"]["environment"]
    )
    script = set(re.findall(r"\$\{(\w+):[?=]", (DEPLOY / "backup.sh").read_text()))
    assert script == {"RECORDS", "BACKUPS", "KEEP"}
    services = _compose()["services"]
    assert set(services["backup"]["environment"]) == set(services["workstation"]["environment"]) | script
    scheduled = _unit(DEPLOY / "plasmoscope-backup.service")["Service"]["Environment"]
    assert {one.partition("=")[0] for one in shlex.split(scheduled)} == script | {"PATH"}
    assert "PLASMOSCOPE_DATABASE" in _source()


def test_the_server_believes_the_proxy_that_it_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "FORWARDED_ALLOW_IPS", _compose()["services"]["workstation"]["environment"]["FORWARDED_ALLOW_IPS"]
    )
    assert server(None).config.forwarded_allow_ips == "*"
    assert server(None).config.proxy_headers


def test_proxies_let_through_whatever_the_program_takes_and_pass_it_on_as_it_comes() -> None:
    nginx, caddy = ((DEPLOY / name).read_text() for name in ("nginx.conf", "Caddyfile"))
    (most,) = re.findall(r"client_max_body_size (\d+)m;", nginx)
    assert int(most) * 1024**2 >= MAX_BODY
    (most,) = re.findall(r"max_size (\d+)MB", caddy)
    assert int(most) * 1000**2 >= MAX_BODY
    assert "proxy_request_buffering off;" in nginx
    for header in ("Host $http_host", "X-Forwarded-For $remote_addr", "X-Forwarded-Proto $scheme"):
        assert f"proxy_set_header {header};" in nginx
    # With a path behind it, nginx would take the place's own path off.
    assert re.findall(r"proxy_pass (\S+);", nginx) == ["http://127.0.0.1:8000"]


def test_the_proxy_and_the_service_agree_on_the_path() -> None:
    (path,) = re.findall(r"--root-path (\S+)", _unit(DEPLOY / "plasmoscope.service")["Service"]["ExecStart"])
    assert f"location {path}/ {{" in (DEPLOY / "nginx.conf").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        # The programs that they start are not installed here.
        text = re.sub(r"/opt/plasmoscope/bin/\S+", "/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / unit.name) for unit in UNITS]
    said = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    ours = [line for line in said.stderr.splitlines() if "plasmoscope" in line]
    assert (said.returncode, ours) == (0, []), said.stderr


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not here")
def test_nginx_accepts_its_site(tmp_path: Path) -> None:
    site = re.sub(r"listen 443 ssl;|ssl_certificate.*;", "", (DEPLOY / "nginx.conf").read_text())
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{ {site} }}")
    subprocess.run(["nginx", "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf"], check=True)


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not here")
def test_caddy_accepts_its_file() -> None:
    subprocess.run(["caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"], check=True)


@unless_windows
def test_the_backup_script_keeps_the_newest_and_removes_none_where_it_fails(tmp_path: Path) -> None:
    programs, backups = tmp_path / "bin", tmp_path / "backups"
    programs.mkdir()
    backups.mkdir()
    stands_in = programs / "plasmoscope"
    stands_in.write_text('#!/bin/sh\n[ -z "${FAILS:-}" ] && mkdir "$2" && echo "$@" > "$2/called"\n')
    stands_in.chmod(0o755)
    earlier = [f"2026030{day}T023000Z" for day in range(1, 6)]
    for name in (*earlier, "20260301T023000Z.part", "other"):
        (backups / name).mkdir()
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}", "RECORDS": "/the records", "BACKUPS": str(backups), "KEEP": "3",
    }  # fmt: skip
    script = [str(DEPLOY / "backup.sh")]
    assert subprocess.run(script, env=environment | {"FAILS": "yes"}, check=False).returncode != 0
    assert {file.name for file in backups.iterdir()} == {*earlier, "20260301T023000Z.part", "other"}
    subprocess.run(script, env=environment, check=True)
    left = sorted(file.name for file in backups.iterdir())
    assert left[:4] == ["20260301T023000Z.part", *earlier[3:], left[3]]
    assert left[4:] == ["other"]
    assert (backups / left[3] / "called").read_text() == f"backup {backups / left[3]} --data /the records\n"
