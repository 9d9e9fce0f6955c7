"""``plasmoscope serve``."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from plasmoscope.cli.console import console, errors
from plasmoscope.cli.options import DatabaseOption, ModelOption, ProviderOption, RecordsOption
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.messages import NOT_A_DEVICE


def serve(
    data: RecordsOption,
    database: DatabaseOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's need accounts.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    model: ModelOption = None,
    provider: ProviderOption = None,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Photographs analysed at once.")] = 1,
    queue: Annotated[
        int, typer.Option(min=1, help="Photographs that may wait; more are refused for the moment.")
    ] = 200,
    https: Annotated[
        bool, typer.Option("--https", help="The page is reached by https alone, through a proxy.")
    ] = False,
    root_path: Annotated[
        str, typer.Option(help="Below which path of the proxy's address the page lives, such as /malaria.")
    ] = "",
    watch: Annotated[
        Path | None,
        typer.Option(help="Folder into which this computer's microscope camera saves."),
    ] = None,
    watch_site: Annotated[
        list[str] | None,
        typer.Option(help="A site that this camera serves; people of others see nothing of it. All if none is named."),
    ] = None,
    access_log: Annotated[
        str, typer.Option(metavar="FILE", help="Write a line about each request; - is the standard output.")
    ] = "",
    oidc_issuer: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Let people log in at this provider of OpenID Connect, too.")
    ] = "",
    oidc_client: Annotated[str, typer.Option(help="Name of the workstation at the provider.")] = "plasmoscope",
    oidc_secret: Annotated[
        str, typer.Option(envvar="PLASMOSCOPE_OIDC_SECRET", help="Its secret; better in the environment.")
    ] = "",
    oidc_new: Annotated[
        Literal["reader", "technician"] | None,
        typer.Option(help="Whoever the provider knows and has no account gets one with this role, not refused."),
    ] = None,
    lock_after: Annotated[
        float,
        typer.Option(min=0, max=720, help="Minutes without an act until the page is locked; 0: never."),
    ] = 0,
    erase_after: Annotated[
        float | None,
        typer.Option(min=0, max=36_500, metavar="DAYS", help="Erase slides so long after they were deleted."),
    ] = None,
    strict_sites: Annotated[
        bool, typer.Option("--strict-sites", help="Who belongs to no site sees no slide, instead of all.")
    ] = False,
) -> None:
    """Run the workstation: a web page and an HTTP interface, on this machine alone unless told otherwise.

    Nothing leaves the machine. Photographs lie in the data folder, and so do the records, unless a database is named.
    """
    from plasmoscope.extras import require_extra

    require_extra("serve", "The workstation")
    from plasmoscope.store import accounts
    from plasmoscope.web.app import create_app
    from plasmoscope.web.root_path import read_root_path
    from plasmoscope.web.security.openid import Provider
    from plasmoscope.web.serving import server
    from plasmoscope.web.settings import Settings, is_unspecified

    if watch is not None and not watch.is_dir():
        raise PlasmoscopeError(f"There is no folder '{watch}' to watch. Give the one into which the camera saves.")
    settings = Settings(
        folder=data,
        database_url=database,
        host=host,
        model=model,
        workers=workers,
        longest_queue=queue,
        secure_cookies=https,
        root_path=read_root_path(root_path),
        watch=watch,
        watch_sites=tuple(watch_site or ()),
        strict_sites=strict_sites,
        idle_minutes=lock_after,
        erase_after_days=erase_after,
        oidc=Provider(oidc_issuer, oidc_client, oidc_secret, oidc_new) if oidc_issuer else None,
        access_log=access_log,
    )
    app = create_app(settings)
    if settings.accounts_required:
        with app.state.workstation.store.reading() as session:
            anybody = any(account.active for account in accounts.all_accounts(session))
        if not anybody:
            # The database's address may hold its password, so it is not repeated.
            where = " --database ADDRESS, with the address of the database as you gave it here" if database else ""
            errors.print(
                "Others can reach the page, so people must log in, and there is no account yet. Make one first: "
                f"plasmoscope account add NAME --role admin --data {data}{where}"
            )
            raise typer.Exit(2)
    _check_free(host, port)
    if https:
        console.print(f"Waiting for the proxy with https on {host}:{port}; people open the proxy's address.")
    else:
        # An address such as 0.0.0.0 stands for all of this machine's, and is none to open.
        shown = "localhost" if is_unspecified(host) else f"[{host}]" if ":" in host else host
        console.print(f"Open http://{shown}:{port}{settings.root_path} in a browser.")
    console.print(f"Stop with Ctrl+C; nothing is lost. {NOT_A_DEVICE}")
    # After Ctrl+C the server ends in order and then passes it on.
    with suppress(KeyboardInterrupt):
        server(app, host=host, port=port, timeout_graceful_shutdown=10).run()


def _check_free(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on, before people are told to open it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise PlasmoscopeError(
            f"The workstation cannot listen on port {port} of {host} ({error.strerror or error}). If it runs already, "
            "open it in the browser; otherwise choose another --port, or another --host."
        ) from error
