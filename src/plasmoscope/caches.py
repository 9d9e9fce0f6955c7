"""The folder for what is made once and used again: decoded cells, and what the packages for training keep."""

import os
from pathlib import Path

# Matplotlib keeps a list of fonts, and torch what it compiled. Each takes a variable for its folder as it is imported.
_PACKAGES = {"MPLCONFIGDIR": "matplotlib", "TORCHINDUCTOR_CACHE_DIR": "torch"}


def open_cache(folder: Path | None = None) -> Path:
    """Have the packages that train keep their caches in one folder too, instead of all over the user's home.

    Call it before they are imported. Processes begun from this one keep theirs there as well; a variable that the user
    set stays as it is.

    Args:
        folder: the one the user named, or None for this program's own in the user's cache folder.

    Returns:
        That folder; whoever first keeps something in it makes it.
    """
    from platformdirs import user_cache_path

    folder = folder or user_cache_path("plasmoscope")
    for variable, name in _PACKAGES.items():
        os.environ.setdefault(variable, str(folder.resolve() / name))
    return folder
