"""A folder into which a microscope's camera saves: each picture is taken once, when it has stopped growing.

Pictures go by themselves to the slide that is open for the camera while they appear. All others wait until somebody
says where they belong: those that lay there before, or came as no slide was open, or just as another one was opened.
Nothing in the folder is changed or deleted, and no link is followed.
"""

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import name_as_text
from plasmoscope.imaging.reading import ImageError, read_limited
from plasmoscope.imaging.sources import may_be_picture
from plasmoscope.messages import Message, as_record

SETTLE_SECONDS = 2.0
"""A file that has not changed for so long is whole."""
NAMED = 5
"""Names of waiting pictures, and pictures set aside, that are told; the newest."""
LONGEST_NAME = 64
"""Characters of a camera's name."""
_MOST_FILES = 50_000  # in the folder; more would take long to look through each second
# What programs call a file that they have not finished.
_UNFINISHED = {".part", ".tmp", ".crdownload", ".filepart"}
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Orders(NamedTuple):
    """What people want of a camera."""

    slide: int | None
    """That its pictures go to; None where none is open for it."""
    opening: int
    """Which opening of a slide for it this is; grows."""
    asked: Literal["", "take", "leave"] = ""
    """Of the pictures that wait: take them into the slide, or leave them out. It is told once."""


class Report(NamedTuple):
    """What a camera's folder holds."""

    waiting: int
    """Pictures that wait for somebody to say where they belong."""
    names: tuple[str, ...]
    """Of some of them."""
    set_aside: tuple[tuple[str, Message], ...]
    """Pictures that cannot be used, by their names, and why."""
    took: bool
    """Since the last report pictures went to the slide."""


def camera_name(folder: Path) -> str:
    """What a camera is called by its folder's name, which may hold what no address takes."""
    return re.sub(r"[^\w .-]", "_", name_as_text(folder.name))[:LONGEST_NAME] or "camera"


class NotNowError(PlasmoscopeError):
    """A picture cannot be taken at the moment; it is tried again."""


class WrongSlideError(PlasmoscopeError):
    """The slide takes no picture any more."""


class Target(Protocol):
    """Where a camera's pictures go: a workstation, in this process or another."""

    def report(self, report: Report) -> Orders:
        """Say what the folder holds, and hear what people want; NotNowError where nobody can be reached."""

    def send(self, slide: int, name: str, data: bytes) -> None:
        """Keep a picture.

        Raises:
            ImageError: it cannot be used.
            NotNowError, WrongSlideError: it cannot be taken now, or not into this slide.
        """


class _Version(NamedTuple):
    """A file as it is at one moment."""

    size: int
    changed: int


@dataclass
class _Found:
    version: _Version
    since: float
    """When it was first seen like this."""
    opening: int | None
    """For which its camera was open as it appeared; None: it waits."""


@dataclass
class Watch:
    """Looks through a folder again and again, and remembers across starts what it took."""

    folder: Path
    memory: Path
    """A file of its own, made where there is none."""
    target: Target
    clock: Any = time.monotonic
    _found: dict[str, _Found] = field(default_factory=dict)
    _known: dict[str, set[_Version]] = field(default_factory=dict)
    _contents: set[str] = field(default_factory=set)
    _set_aside: list[tuple[str, Message]] = field(default_factory=list)
    _before: int | None = None
    _took: bool = False

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve(strict=True)
        if self.memory.exists():
            for line in self.memory.read_text("utf-8").splitlines():
                # The last one may have been cut off.
                with suppress(ValueError, KeyError):
                    record = json.loads(line)
                    self._known.setdefault(record["name"], set()).add(_Version(record["size"], record["changed"]))
                    if record["came"] == "taken":
                        self._contents.add(record["sha256"])

    def step(self) -> None:
        """Look once, and take what is whole and where it belongs is known.

        Raises:
            NotNowError: the workstation cannot be reached, or takes nothing at the moment.
            OSError: the folder cannot be looked through.
        """
        orders = self.target.report(self._report())
        self._took = False
        # A picture that appears as a slide is opened may be of the one before.
        steady = orders.opening if orders.slide is not None and orders.opening == self._before else None
        self._look(steady)
        self._before = orders.opening
        if orders.asked:
            self._settle_waiting(orders)
        if orders.slide is None:
            for found in self._found.values():
                found.opening = None
        else:
            for name, found in [*self._found.items()]:
                if found.opening == orders.opening and self.clock() - found.since >= SETTLE_SECONDS:
                    self._take(orders.slide, name, found)

    def _look(self, opening: int | None) -> None:
        now, there = self.clock(), dict(self._files())
        for name in self._found.keys() - there.keys():
            del self._found[name]
        for name, version in there.items():
            if version in self._known.get(name, ()):
                self._found.pop(name, None)
            elif (found := self._found.get(name)) is None:
                self._found[name] = _Found(version, now, opening)
            elif found.version != version:
                found.version, found.since = version, now

    def _files(self) -> Iterator[tuple[str, _Version]]:
        with os.scandir(self.folder) as entries:
            for entry in islice(entries, _MOST_FILES):
                if not may_be_picture(entry.name) or Path(entry.name).suffix.lower() in _UNFINISHED:
                    continue
                with suppress(OSError):
                    facts = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(facts.st_mode) and facts.st_size:
                        yield entry.name, _Version(facts.st_size, facts.st_mtime_ns)

    def _settle_waiting(self, orders: Orders) -> None:
        if orders.asked == "leave":
            self._set_aside.clear()
        for name, found in [*self._waiting()]:
            if orders.asked == "take":
                found.opening = orders.opening
            else:
                self._remember(name, found.version, "left", "")

    def _take(self, slide: int, name: str, found: _Found) -> None:
        try:
            data = self._read(name, found.version)
        except OSError:
            # It is being written again, or is gone.
            found.since = self.clock()
            return
        except ImageError as error:
            self._put_aside(name, found.version, error.message)
            return
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            # The same picture under another name, or saved once more.
            if sha256 not in self._contents:
                self.target.send(slide, name_as_text(name), data)
                self._took = True
        except ImageError as error:
            self._put_aside(name, found.version, error.message)
        except WrongSlideError:
            found.opening = None
        else:
            self._contents.add(sha256)
            self._remember(name, found.version, "taken", sha256)

    def _read(self, name: str, version: _Version) -> bytes:
        """The file's content; OSError where it is a link, or has changed."""
        descriptor = os.open(self.folder / name, _READ)
        with os.fdopen(descriptor, "rb") as stream:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or _Version(facts.st_size, facts.st_mtime_ns) != version:
                raise OSError
            return read_limited(stream)

    def _put_aside(self, name: str, version: _Version, why: Message) -> None:
        self._set_aside.append((name_as_text(name), why))
        self._remember(name, version, "set aside", "", why)

    def _remember(self, name: str, version: _Version, came: str, sha256: str, why: Message | None = None) -> None:
        record = {"name": name, "size": version.size, "changed": version.changed, "came": came, "sha256": sha256}
        record["why"] = None if why is None else as_record(why)
        with self.memory.open("a", encoding="utf-8") as memory:
            memory.write(json.dumps(record) + "\n")
            memory.flush()
            os.fsync(memory.fileno())
        self._known.setdefault(name, set()).add(version)
        self._found.pop(name, None)

    def _waiting(self) -> Iterator[tuple[str, _Found]]:
        """What is whole and belongs nowhere yet."""
        for name, found in self._found.items():
            if found.opening != self._before and self.clock() - found.since >= SETTLE_SECONDS:
                yield name, found

    def _report(self) -> Report:
        waiting: Sequence[str] = [name_as_text(name) for name, _ in self._waiting()]
        return Report(len(waiting), tuple(waiting[-NAMED:]), tuple(self._set_aside[-NAMED:]), self._took)
