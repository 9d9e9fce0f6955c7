"""Working on parts by the machines of a Ray cluster, each part a task; a machine that is lost costs its parts a try."""

import hashlib
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from plasmoscope import __version__
from plasmoscope.batch.job import BatchError, Job, Part, Work
from plasmoscope.batch.processes import TRIES, Attempted, Worked, attempt
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.imaging.sources import Readable

EXTRA = "cluster"
_ALIKE = ("numpy", "onnxruntime", "opencv-python-headless", "pillow", "pyarrow")  # what the bytes of tables depend on
_AHEAD = 2  # tasks for each processor, so that none waits for its next


@dataclass(frozen=True)
class _Sight:
    """What this machine has and sees, for others to be like it."""

    folder: str
    """Where the command was given, for paths that begin there."""
    packages: tuple[tuple[str, str], ...]
    """Names and versions."""
    picture: Readable | None = field(compare=False)
    content: str
    """Its SHA-256, or why it cannot be read."""

    @classmethod
    def of(cls, picture: Readable | None) -> "_Sight":
        return cls(str(Path.cwd()), _packages(), picture, _content(picture))


def by_ray(job: Job, parts: Sequence[Part], address: str) -> Iterator[Worked]:
    """By a cluster's machines; what a lost process or machine was working on is tried again, three times in all.

    The machines need this version of the program and the paths of pictures and model; tables come back here and are
    written from here.

    Args:
        address: ``auto`` is the cluster that this machine belongs to, ``local`` a new one of this machine alone;
            else as ``ray.init`` takes it, such as ``10.0.0.1:6379`` or ``ray://10.0.0.1:10001``.

    Yields:
        The parts as they are finished.

    Raises:
        BatchError: there is no such cluster, or one of its machines lacks something.
        MissingExtraError: without Ray.
    """
    require_extra(EXTRA, "A batch on a Ray cluster")
    with _connected(address):
        import ray
        from ray.exceptions import RayError, RayTaskError

        task = ray.remote(num_cpus=1, max_retries=0)(_go_on)
        first = next((source for part in parts for source in part.sources), None)
        given = ray.put((job, _Sight.of(first)))
        waiting, tries = iter(parts), dict.fromkeys((part.name for part in parts), 0)
        working: dict[Any, Part] = {}
        again: list[Part] = []
        while True:
            most = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while len(working) < most and (part := again.pop() if again else next(waiting, None)) is not None:
                working[task.remote(given, part)] = part
            if not working:
                return
            for finished in ray.wait(list(working))[0]:
                part = working.pop(finished)
                try:
                    yield Worked(part, *ray.get(finished))
                except RayTaskError as error:
                    raise _lacking(error) from error
                except RayError:
                    tries[part.name] += 1
                    if tries[part.name] < TRIES:
                        again.append(part)
                    else:
                        yield Worked(part, {}, f"the process that worked on it died, {TRIES} times")


@contextmanager
def _connected(address: str) -> Iterator[None]:
    # Ray would tell its makers of each cluster that it starts.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # What one machine lacks is told once, and not by each part that was begun.
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address, log_to_driver=False, logging_level="WARNING", include_dashboard=_dashboard(address))
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise BatchError(
            f"There is no Ray cluster to be had at '{address}' ({str(error).strip()}). Start it with 'ray start "
            "--head' on one machine and 'ray start --address=HEAD:6379' on the others, or say --ray local. A cluster "
            "that was begun with RAY_AUTH_MODE=token wants that here, too, and its token."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _dashboard(address: str) -> bool | None:
    """Only a new cluster may be told to have none."""
    return False if address == "local" else None


def _lacking(error: Exception) -> BatchError:
    cause = getattr(error, "cause", None)
    if isinstance(cause, BatchError):
        return cause
    lines = str(error).strip().splitlines()
    return BatchError(
        f"A machine of the cluster cannot work on the batch: {lines[-1] if lines else error}. Each needs plasmoscope "
        f"{__version__} with its packages, installed as on this one; then give the same command again."
    )


def _go_on(given: tuple[Job, _Sight], part: Part) -> Attempted:
    return attempt(_opened(*given), part)


@lru_cache(maxsize=1)
def _opened(job: Job, sight: _Sight) -> Work:
    """The job with its model loaded, in a process that has and sees what the command's has and sees."""
    with suppress(OSError):
        os.chdir(sight.folder)
    machine = socket.gethostname()
    here = _Sight.of(sight.picture)
    if here.packages != sight.packages:
        theirs = dict(sight.packages)
        other = ", ".join(
            f"{name} {own or '(none)'} instead of {theirs[name]}" for name, own in here.packages if own != theirs[name]
        )
        raise BatchError(f"The machine {machine} has {other}. Install the same versions on all machines.")
    if here.content != sight.content and sight.picture is not None:
        raise BatchError(
            f"The machine {machine} does not see what this one sees at {sight.picture.name} ({here.content}). All "
            "machines need the same pictures under the same paths, such as on a shared disk or in an object store."
        )
    try:
        return job.open(1)
    except Exception as error:
        raise BatchError(f"The machine {machine} cannot begin: {error}") from error


def _packages() -> tuple[tuple[str, str], ...]:
    return ("plasmoscope", __version__), *((name, _version(name)) for name in _ALIKE)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _content(picture: Readable | None) -> str:
    if picture is None:
        return ""
    try:
        return hashlib.sha256(picture.read()).hexdigest()
    except (PlasmoscopeError, OSError) as error:
        return str(error)
