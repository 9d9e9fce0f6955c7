"""The profiles that a user made, in a folder: a folder for each name, a file for each version; the last holds.

What was taken back stays as a file of another ending, so that no other profile is ever called by the same version.
"""

from contextlib import suppress
from pathlib import Path

from plasmoscope.classification.profile import Profile, ProfileError, check_name, read_profile
from plasmoscope.files import replace_file

_HOLDS, _TAKEN_BACK = ".json", ".taken-back"


class Profiles:
    """A folder of profiles; made when the first is saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Of those that hold, in order."""
        return sorted(place.name for place in self.folder.glob("*") if self._versions(place.name))

    def load(self, name: str) -> Profile:
        """The last version of a profile.

        Raises:
            ProfileError: there is none of this name, or it cannot be read.
        """
        versions = self._versions(name)
        if not versions:
            if not (known := self.names()):
                raise ProfileError("no_profile_yet", profile=name)
            raise ProfileError("no_profile_among", profile=name, profiles=", ".join(known))
        return read_profile(self._file(name, versions[-1]))

    def next_version(self, name: str) -> int:
        """What the next profile of a name is numbered.

        Raises:
            ProfileError: no profile can have this name.
        """
        check_name(name)
        return max([*self._versions(name), *self._versions(name, _TAKEN_BACK)], default=0) + 1

    def save(self, profile: Profile) -> Path:
        """Keep a profile as the one of its name that holds."""
        file = self._file(profile.name, profile.version)
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, (profile.model_dump_json() + "\n").encode())
        return file

    def undo(self, name: str) -> Profile | None:
        """Take back the last version of a profile; results that it touched keep its name and hash.

        Returns:
            The version that holds again; None where it was the first.

        Raises:
            ProfileError: there is none of this name.
        """
        self._take_back(name, self.load(name).version)
        return self.load(name) if self._versions(name) else None

    def remove(self, name: str) -> None:
        """Take back all versions of a profile.

        Raises:
            ProfileError: there is none of this name.
        """
        self.load(name)
        for version in self._versions(name):
            self._take_back(name, version)

    def _file(self, name: str, version: int) -> Path:
        return self.folder / name / f"{version}{_HOLDS}"

    def _take_back(self, name: str, version: int) -> None:
        file = self._file(name, version)
        file.replace(file.with_suffix(_TAKEN_BACK))

    def _versions(self, name: str, ending: str = _HOLDS) -> list[int]:
        """In order; none for what is no name, such as a path out of the folder."""
        with suppress(ProfileError):
            check_name(name)
            return sorted(int(file.stem) for file in (self.folder / name).glob(f"*{ending}") if file.stem.isdecimal())
        return []
