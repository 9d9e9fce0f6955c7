"""What the handlers of requests are given: the parts of the running workstation that each asks for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import BoundedSemaphore
from typing import Annotated, Any

from fastapi import Depends, Path
from starlette.requests import HTTPConnection, Request

from plasmoscope.analysis.method import Method
from plasmoscope.classification.card import ModelCard
from plasmoscope.store import profiles
from plasmoscope.store.store import Store
from plasmoscope.web.analysis_queue.queue import AnalysisQueue
from plasmoscope.web.analysis_queue.teaching import Teacher
from plasmoscope.web.analysis_queue.workers import Workers
from plasmoscope.web.metrics import Metrics
from plasmoscope.web.security.identity import Actor, Sessions
from plasmoscope.web.security.login import Logins
from plasmoscope.web.security.openid import OpenID
from plasmoscope.web.settings import Settings


@dataclass(frozen=True)
class Workstation:
    """Everything that an application has, made once as it is put together."""

    settings: Settings
    store: Store
    method: Method
    """How photographs are analysed here without a profile."""
    card: ModelCard
    """Of the model for single cells."""
    workers: Workers
    queue: AnalysisQueue
    teacher: Teacher
    sessions: Sessions
    logins: Logins
    openid: OpenID | None
    """Where people log in at a provider, too."""
    metrics: Metrics
    analysing_alone: BoundedSemaphore
    """Held while a photograph is analysed that is not kept: such ones wait in no queue."""


def workstation_of(connection: HTTPConnection) -> Workstation:
    """The workstation that a request came to, with as much of the records as whoever sent it sees."""
    workstation: Workstation = connection.app.state.workstation
    actor: Actor | None = getattr(connection.state, "actor", None)
    if actor is None or actor.sites is None:
        return workstation
    return replace(workstation, store=workstation.store.seen_by(actor.sites))


def _part(choose: Callable[[Workstation], object]) -> Any:
    # Not in a thread: it waits for nothing.
    async def part(request: Request) -> object:
        return choose(workstation_of(request))

    return Depends(part)


WholeWorkstation = Annotated[Workstation, _part(lambda workstation: workstation)]
Records = Annotated[Store, _part(lambda workstation: workstation.store)]
SettingsInForce = Annotated[Settings, _part(lambda workstation: workstation.settings)]
PlainMethod = Annotated[Method, _part(lambda workstation: workstation.method)]
CellModelCard = Annotated[ModelCard, _part(lambda workstation: workstation.card)]
HeavyWork = Annotated[Workers, _part(lambda workstation: workstation.workers)]
TeacherOfProfiles = Annotated[Teacher, _part(lambda workstation: workstation.teacher)]
WaitingPhotographs = Annotated[AnalysisQueue, _part(lambda workstation: workstation.queue)]
KnownSessions = Annotated[Sessions, _part(lambda workstation: workstation.sessions)]
LoginChecks = Annotated[Logins, _part(lambda workstation: workstation.logins)]
Figures = Annotated[Metrics, _part(lambda workstation: workstation.metrics)]
AnalysingAlone = Annotated[BoundedSemaphore, _part(lambda workstation: workstation.analysing_alone)]


def _method_in_use(request: Request) -> Method:
    workstation = workstation_of(request)
    with workstation.store.reading() as session:
        return workstation.method.under(profiles.in_use(session, workstation.method))


MethodInUse = Annotated[Method, Depends(_method_in_use)]
"""How photographs are analysed now: under the profile that is switched on."""

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
"""A record's number in an address: what the databases' integers hold."""
