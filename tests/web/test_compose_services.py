"""The services of ``deploy/compose.yaml`` without containers: its settings, commands and proxy on this machine.

Read out of the file are the database's owner, name and password, the command and environment of the program, and those
of the backup. Only what containers would give is other than there: names of hosts, ports, and where folders lie.
"""

import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from doc_pages import ROOT
from patience import PATIENCE
from plasmoscope.store.doctor import examine
from plasmoscope.store.store import Store
from postgres import free_port, running_postgresql
from workstation import PASSWORD, PROGRAM, SLIDE

DEPLOY = ROOT / "deploy"
ENV = {"PLASMOSCOPE_DB_PASSWORD": "ofTheDatabase17", "PLASMOSCOPE_SITE": "localhost"}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="for servers with a shell"),
]


def compose() -> dict[str, Any]:
    """The file with its variables filled in, as from ``deploy/.env``."""
    text = (DEPLOY / "compose.yaml").read_text()
    filled: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{(\w+)[^}]*\}", lambda found: ENV[found[1]], text))
    return filled


@dataclass
class Ward:
    """All services, running."""

    services: dict[str, Any]
    folder: Path
    database: str
    """Address that takes a database's name."""
    ports: tuple[int, int]

    def here(self, text: str) -> str:
        """What the file says of containers, for this machine."""
        for volume in ("records", "backups"):
            text = re.sub(rf"^/{volume}\b", str(self.folder / volume), text)
        at = self.database.partition("@")[2].partition("/")[0]
        return text.replace("@database/", f"@{at}/")

    def environment(self, service: str) -> dict[str, str]:
        said = self.services[service]["environment"]
        programs = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        return os.environ | programs | {name: self.here(value) for name, value in said.items()}

    def run(self, service: str, *command: str, **more: str) -> str:
        """As ``docker compose run`` does."""
        ran = subprocess.run(
            [str(self.folder / "bin" / "plasmoscope"), *map(self.here, command)],
            env=self.environment(service) | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    services, folder = compose()["services"], tmp_path_factory.mktemp("ward")
    owner = services["database"]["environment"]
    with ExitStack() as held:
        address = held.enter_context(running_postgresql(owner["POSTGRES_USER"], owner["POSTGRES_PASSWORD"]))
        import psycopg

        with psycopg.connect(address.format("postgres"), autocommit=True) as connection:
            for name in (owner["POSTGRES_DB"], "restored"):
                connection.execute(f"CREATE DATABASE {name}")
        programs = folder / "bin"
        programs.mkdir()
        (folder / "backups").mkdir()
        # The image's entry point.
        (programs / "plasmoscope").write_text(f'#!/bin/sh\nexec {sys.executable} -m plasmoscope "$@"\n')
        (programs / "plasmoscope").chmod(0o755)
        made = Ward(services, folder, address, (free_port(), free_port()))
        made.run("workstation", "account", "add", "grace", "--role", "admin", "--data", "/records",
                 PLASMOSCOPE_PASSWORD=PASSWORD)  # fmt: skip
        for port in made.ports:
            held.enter_context(_running(made, port))
        yield made


@contextmanager
def _running(ward: Ward, port: int) -> Iterator[None]:
    """A server by the file's command, until it is healthy by the file's own check."""
    service = ward.services["workstation"]
    command = [*map(ward.here, service["command"]), "--port", str(port)]
    check = [sys.executable, *service["healthcheck"]["test"][2:]]
    with _process([str(ward.folder / "bin" / "plasmoscope"), *command], ward.environment("workstation")) as process:
        healthy = [part.replace(":8000/", f":{port}/") for part in check]
        ends = time.monotonic() + PATIENCE
        while subprocess.run(healthy, stderr=subprocess.DEVNULL, check=False).returncode:
            assert process.poll() is None, "the server ended as it began"
            assert time.monotonic() < ends
            time.sleep(0.2)
        yield


@contextmanager
def _process(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def caddy(ward: Ward, folder: Path) -> Iterator[httpx2.Client]:
    """The file's proxy with its own configuration, taking turns between both servers."""
    if shutil.which("caddy") is None:
        pytest.skip("Caddy is not here")
    port = free_port()
    # Nothing of the machine is changed: neither its certificates nor its ports 80 and 443.
    outside = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
    (folder / "Caddyfile").write_text(outside + (DEPLOY / "Caddyfile").read_text())
    upstream = ward.services["proxy"]["environment"]["PLASMOSCOPE_UPSTREAM"]
    environment = os.environ | {
        "PLASMOSCOPE_SITE": f"{ENV['PLASMOSCOPE_SITE']}:{port}",
        "PLASMOSCOPE_UPSTREAM": " ".join(
            upstream.replace("workstation:8000", f"127.0.0.1:{one}") for one in ward.ports
        ),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    with _process(["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")], environment):
        yield _client(f"https://localhost:{port}", folder / "caddy/pki/authorities/local/root.crt")


@contextmanager
def nginx(ward: Ward, folder: Path) -> Iterator[httpx2.Client]:
    """The example for nginx, as it says for a site at the root of its own name, before both servers."""
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        pytest.skip("nginx is not here")
    port = free_port()
    signed = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", *signed, *names, "-keyout", f"{folder}/ward.key", "-out", f"{folder}/ward.pem"]
    subprocess.run(made, check=True, capture_output=True)
    site = (DEPLOY / "nginx.conf").read_text()
    site = re.sub(r"location = /malaria \{.*?\n    \}\n", "", site, flags=re.DOTALL)
    site = site.replace("location /malaria/", "location /")
    for said, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("ward.example;", "localhost;"),
        ("/etc/ssl/certs/ward.example.pem", f"{folder}/ward.pem"),
        ("/etc/ssl/private/ward.example.key", f"{folder}/ward.key"),
        ("http://127.0.0.1:8000", "http://ward"),
    ):
        assert said in site
        site = site.replace(said, here)
    servers = " ".join(f"server 127.0.0.1:{one};" for one in ward.ports)
    places = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; daemon off; master_process off; error_log {folder}/errors;\n"
        f"events {{}} http {{ access_log off; {places} upstream ward {{ {servers} }}\n{site} }}\n"
    )
    with _process(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], os.environ):
        yield _client(f"https://localhost:{port}", folder / "ward.pem")


def _client(address: str, certificate: Path) -> httpx2.Client:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if certificate.exists():
            trusted = ssl.create_default_context(cafile=str(certificate))
            client = httpx2.Client(base_url=address, headers=PROGRAM, timeout=PATIENCE, verify=trusted)
            try:
                client.get("/health").raise_for_status()
            except httpx2.HTTPError:
                client.close()
            else:
                return client
        time.sleep(0.1)
    raise TimeoutError("the proxy does not answer")


def test_a_slide_is_counted_and_signed_through_the_files_proxy_and_comes_back_from_a_backup(
    ward: Ward, tmp_path: Path, rendered_png: bytes
) -> None:
    with caddy(ward, tmp_path) as client:
        number, slide = _counted_and_signed(client, "caddy", rendered_png)
    _restore(ward, number, slide)


def test_a_slide_is_counted_and_signed_through_nginx(ward: Ward, tmp_path: Path, rendered_png: bytes) -> None:
    with nginx(ward, tmp_path) as client:
        _counted_and_signed(client, "nginx", rendered_png)


def _counted_and_signed(client: httpx2.Client, code: str, photograph: bytes) -> tuple[int, dict[str, Any]]:
    """Number of a new slide, and the slide before it was signed."""
    with closing(client):
        assert client.get("/api/v1/slides").status_code == 401
        token = client.post("/api/v1/login", json={"name": "grace", "password": PASSWORD}).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        number = client.post("/api/v1/slides", json=SLIDE | {"code": code}).json()["id"]
        sent = client.post(f"/api/v1/slides/{number}/fields", files={"file": ("field.png", photograph)})
        assert sent.status_code == 201, sent.text
        ends = time.monotonic() + PATIENCE
        while (slide := client.get(f"/api/v1/slides/{number}").json())["fields_waiting"]:
            assert time.monotonic() < ends
            time.sleep(0.2)
        assert slide["counted"] > 0
        signing = {"version": slide["version"], "confirm": True}
        assert client.post(f"/api/v1/slides/{number}/sign", json=signing).json()["signed_by"] == "grace"
        report = client.get(f"/api/v1/slides/{number}/files/report.pdf")
        assert report.content.startswith(b"%PDF")
        result = client.get(f"/api/v1/slides/{number}/files/slide.json").json()
        assert result["count"]["counted"] == slide["counted"]
        # As the proxy says who asks, not the proxy itself.
        logged_in = client.get("/api/v1/audit", params={"who": "grace"}).json()["entries"]
        assert {entry["detail"]["address"] for entry in logged_in if entry["action"] == "log in"} == {"127.0.0.1"}
    return number, slide


def _restore(ward: Ward, number: int, slide: dict[str, Any]) -> None:
    """A backup by the file's own service, in an empty database and an empty folder."""
    assert ward.services["backup"]["entrypoint"] == ["plasmoscope-backup"]
    subprocess.run([DEPLOY / "backup.sh"], env=ward.environment("backup"), check=True, stdout=subprocess.DEVNULL)
    (newest,) = sorted((ward.folder / "backups").iterdir())[-1:]
    import psycopg

    with psycopg.connect(ward.database.format("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE restored")
        connection.execute("CREATE DATABASE restored")
    address, folder = ward.database.format("restored"), ward.folder / f"restored {number}"
    ward.run("workstation", "restore", str(newest), "--data", str(folder), "--database", address)
    store = Store(folder, address)
    try:
        assert examine(store).all_well
        from plasmoscope.store import counts, slides

        with store.reading() as session:
            restored = slides.get_slide(session, number)
            assert (restored.code, restored.signed_by) == (slide["code"], "grace")
            assert counts.tally(session, number).counted == slide["counted"]
    finally:
        store.close()
