"""A PostgreSQL server of one's own, where one is installed."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_DEBIAN = "/usr/lib/postgresql"
_TEXT = ("--encoding", "UTF8", "--no-locale")


@contextmanager
def running_postgresql(user: str = "tester", password: str = "") -> Iterator[str]:
    """Give the address of a new server that ends with the block.

    It listens on a socket in a temporary folder, or with a password on a free port of this machine. The address takes
    the database's name: ``address.format(name)``. Skips with the reason where there is no server.
    """
    programs = [_find(name) for name in ("initdb", "pg_ctl")]
    if None in programs:
        pytest.skip("PostgreSQL is not installed (initdb, pg_ctl)")
    pytest.importorskip("psycopg")
    # The short path of a socket is a must, so pytest's folders will not do.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    who = _unprivileged(folder)

    def run(*command: object) -> None:
        ran = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, cwd=folder, **who)
        if ran.returncode:
            pytest.skip(f"PostgreSQL does not start: {ran.stderr.strip() or ran.stdout.strip()}")

    initdb, pg_ctl = programs
    try:
        auth, listens, address = ["trust"], "listen_addresses=''", f"postgresql://{user}@/{{}}?host={folder}"
        if password:
            (folder / "password").write_text(password)
            port = free_port()
            auth = ["scram-sha-256", "--pwfile", str(folder / "password")]
            listens = f"listen_addresses=127.0.0.1 -c port={port}"
            address = f"postgresql://{user}:{password}@127.0.0.1:{port}/{{}}"
        run(initdb, "--pgdata", folder / "data", "--username", user, "--no-sync", *_TEXT, "--auth", *auth)
        settings = f"-c {listens} -c unix_socket_directories='{folder}' -c fsync=off"
        run(pg_ctl, "start", "--wait", "-D", folder / "data", "-l", folder / "log", "-o", settings)
        try:
            yield address
        finally:
            run(pg_ctl, "stop", "-D", folder / "data", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port of this machine that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _find(program: str) -> str | None:
    # Debian keeps the server's programs out of the path.
    installed = sorted(Path(_DEBIAN).glob(f"*/bin/{program}"))
    return shutil.which(program) or (str(installed[-1]) if installed else None)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Who may run the server, as arguments of ``subprocess.run``: it refuses to be root's."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        shutil.chown(folder, account.pw_uid, account.pw_gid)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no other account to run it")
