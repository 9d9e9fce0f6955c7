"""Optional parts of the program: a missing one names the command that installs it."""

import sys
from importlib.util import find_spec

from plasmoscope.errors import PlasmoscopeError

# The modules of each extra.
_WITNESS = {
    "train": (
        "torch",
        "torchvision",
        "lightning",
        "torchmetrics",
        "sklearn",
        "cleanlab",
        "onnx",
        "onnxscript",
        "matplotlib",
        "safetensors",
        "tensorboard",
        "defusedxml",
    ),
    "serve": (
        "fastapi",
        "uvicorn",
        "sqlalchemy",
        "alembic",
        "argon2",
        "python_multipart",
        "prometheus_client",
        "babel",
        "httpx2",
    ),
    "postgres": ("psycopg",),
}


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
    missing = [module for module in _WITNESS[extra] if find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            f"{purpose} needs packages that are not installed ({', '.join(missing)}). "
            f"Install them with: {how_to_install(extra)}"
        )


def how_to_install(extra: str) -> str:
    """The command that installs an extra where this program runs."""
    # Double quotes are what every shell takes, Windows' too.
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable or "python"
    return f'{python} -m pip install "plasmoscope[{extra}]"'
