"""Optional parts of the program: a missing one names the command that installs it."""

import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution, requires
from threading import Lock
from typing import TYPE_CHECKING

from plasmoscope.errors import PlasmoscopeError

if TYPE_CHECKING:
    from packaging.requirements import Requirement


_READING = Lock()


class MissingExtraError(PlasmoscopeError):
    """The work asked for needs packages that are not installed."""


def require_extra(extra: str, purpose: str) -> None:
    """Check that an extra's packages are there.

    Args:
        extra: its name in pyproject.toml, such as ``"train"``.
        purpose: what needs it, as the subject of a sentence: ``"Training"``.

    Raises:
        MissingExtraError: naming the packages and the command to install them.
    """
    if missing := _missing(extra):
        raise MissingExtraError(
            f"{purpose} needs packages that are not installed ({', '.join(missing)}). "
            f"Install them with: {how_to_install(extra)}"
        )


def has_extra(extra: str) -> bool:
    """Whether an extra's packages are there."""
    return not _missing(extra)


def _missing(extra: str) -> list[str]:
    return [package for package in _packages(extra) if not _is_installed(package)]


def how_to_install(extra: str) -> str:
    """The command that installs an extra where this program runs."""
    # Double quotes are what every shell takes, Windows' too.
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable or "python"
    return f'{python} -m pip install "plasmoscope[{extra}]"'


def _packages(extra: str) -> list[str]:
    """The packages of an extra that this system needs, as pyproject.toml lists them."""
    try:
        lines = requires("plasmoscope") or ()
    except PackageNotFoundError:
        # Run from its files alone; then what is missing says so itself.
        return []
    # Two threads at a time may fail in Python 3.11 (https://github.com/python/cpython/issues/106905).
    with _READING:
        listed = _read(tuple(lines))
    needed = [one for one in listed if one.marker is not None and _is_for(one, extra) and not _is_for(one, "")]
    others = [other for one in needed if one.name == "plasmoscope" for other in one.extras]
    own = [one.name for one in needed if one.name != "plasmoscope"]
    return own + [package for other in sorted(others) for package in _packages(other)]


@lru_cache
def _read(lines: tuple[str, ...]) -> "tuple[Requirement, ...]":
    from packaging.requirements import Requirement

    return tuple(map(Requirement, lines))


def _is_for(requirement: "Requirement", extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
