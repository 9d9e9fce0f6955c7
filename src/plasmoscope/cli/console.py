"""What the commands share to talk to the user: a console for results, one for errors, a progress bar."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

console = Console()
errors = Console(stderr=True)


@contextmanager
def stopped_as_by_hand() -> Iterator[None]:
    """What ends a command from outside, such as ``timeout`` or a cluster's scheduler, is a KeyboardInterrupt here."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def tell_unread(name: str, reason: str) -> None:
    """Name a file that could not be read, while the work goes on."""
    errors.print(f"[red]Not read:[/] {escape(name)}: {escape(reason)}", highlight=False)


def track(items: Iterable[T], total: int, description: str) -> Iterable[T]:
    """Show a bar with count and time left on standard error while the items pass."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as progress:
        yield from progress.track(items, total=total, description=description)
