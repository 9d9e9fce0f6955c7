"""Fields that are done, kept on disk, so that an interrupted run over a folder goes on where it stopped."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from plasmoscope import __version__
from plasmoscope.analysis.method import Calling
from plasmoscope.analysis.results import Field
from plasmoscope.files import replace_file


class DoneFields:
    """Finished fields in a folder, one file each, for one model and one way of calling."""

    def __init__(self, folder: Path, model_sha256: str, how: Calling, override_gate: bool) -> None:
        self.folder = folder
        profile = how.profile.sha256 if how.profile else None
        calling = [model_sha256, how.threshold, how.views, how.silence, profile]
        settings = json.dumps([__version__, *calling, override_gate])
        self.settings = settings

    def kept(self, name: str, sha256: str) -> Field | None:
        """The finished field of this name and content, or None."""
        try:
            return Field.model_validate_json(self._file(name, sha256).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, field: Field) -> None:
        """Write a finished field, all at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self._file(field.name, field.sha256), field.model_dump_json().encode())

    def _file(self, name: str, sha256: str) -> Path:
        key = hashlib.sha256(f"{self.settings}\n{sha256}\n{name}".encode()).hexdigest()[:32]
        return self.folder / f"{key}.json"
