"""The workstation's web application, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import BoundedSemaphore

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from plasmoscope import __version__
from plasmoscope.analysis.method import Method, calling
from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import Classifier, find_model
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.messages import NOT_A_DEVICE
from plasmoscope.networks import read_network
from plasmoscope.store.store import Store
from plasmoscope.web import api, pages
from plasmoscope.web.access_log import AccessLog
from plasmoscope.web.analysis_queue.queue import AnalysisQueue
from plasmoscope.web.analysis_queue.teaching import Teacher
from plasmoscope.web.analysis_queue.workers import Workers
from plasmoscope.web.api import monitoring
from plasmoscope.web.camera_folder import CameraFolder
from plasmoscope.web.dependencies import Workstation
from plasmoscope.web.erasing import Eraser
from plasmoscope.web.errors import as_web_error, error_body
from plasmoscope.web.i18n.reader import reader_words
from plasmoscope.web.metrics import Measure, Metrics
from plasmoscope.web.pages.error_page import error_page
from plasmoscope.web.root_path import RootPath
from plasmoscope.web.security.admission import Admission, Limits
from plasmoscope.web.security.blinding import Unblinded
from plasmoscope.web.security.headers import HEADERS, Headers
from plasmoscope.web.security.identity import Sessions
from plasmoscope.web.security.login import Logins
from plasmoscope.web.security.openid import OpenID
from plasmoscope.web.settings import MAX_BODY, Settings

# More at once would only wait for each other, each switch costing more than it brings. Nothing that takes long runs in
# them: that is for the processes of ``Workers``.
_THREADS = 4
_STATIC = Path(__file__).parent / "static"
# One list for all applications of a process: FastAPI works out an address's parameters once for each list.
_ROUTES = APIRouter()
for _router in (api.router, monitoring.router, pages.router):
    _ROUTES.include_router(_router, dependencies=[Unblinded])


def create_app(settings: Settings, workers: Workers | None = None) -> FastAPI:
    """The application with its records and its analysis, which begin and end with it.

    Heavy work runs in processes of its own, so a program that calls this does so under ``if __name__ ==
    "__main__"``, as Python's ``multiprocessing`` asks.

    Args:
        workers: of another application that has the same model and lasts longer; an own one if None.

    Raises:
        ModelError, StoreError: the model or the records cannot be opened.
    """
    store = Store(settings.folder, settings.database_url)
    classifier = Classifier.load(settings.model, use="fields")
    # Single cells are not told against a slide.
    _, card = read_network(find_model(settings.model), ModelCard)
    own_workers = workers is None
    workers = workers or Workers(settings.model, settings.workers)
    metrics, method = Metrics(), Method.of(classifier, calling(classifier))

    def new_queue() -> AnalysisQueue:
        return AnalysisQueue(store, workers.model, method, settings.workers, metrics)

    workstation = Workstation(
        settings=settings,
        store=store,
        method=method,
        card=card,
        workers=workers,
        queue=new_queue(),
        teacher=Teacher(store, workers.model),
        sessions=Sessions(settings, store),
        logins=Logins(store),
        openid=OpenID(settings.oidc) if settings.oidc else None,
        metrics=metrics,
        analysing_alone=BoundedSemaphore(settings.workers),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        # One of its own each time: an application may begin and end more than once, even at a time.
        queue, teacher = new_queue(), Teacher(store, workers.model)
        app.state.workstation = replace(workstation, queue=queue, teacher=teacher)
        queue.start()
        camera = None if settings.watch is None else CameraFolder(app.state.workstation, settings.watch)
        if camera is not None:
            camera.start()
        eraser = None if settings.erase_after_days is None else Eraser(store, settings.erase_after_days)
        if eraser is not None:
            eraser.start()
        yield
        if eraser is not None:
            await run_in_threadpool(eraser.stop)
        if camera is not None:
            await run_in_threadpool(camera.stop)
        await run_in_threadpool(teacher.stop)
        await run_in_threadpool(queue.stop)
        if own_workers:
            await run_in_threadpool(workers.close)
        store.close()

    log = AccessLog(settings.access_log) if settings.access_log else None
    app = FastAPI(
        title="Plasmoscope",
        version=__version__,
        description=f"Finds malaria parasites in thin blood smears. {NOT_A_DEVICE}",
        lifespan=lifespan,
        # The documents' own page would fetch scripts from elsewhere; the document itself is at /api/v1/openapi.json.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        servers=[{"url": settings.root_path}] if settings.root_path else None,
        routes=list(_ROUTES.routes),
    )
    app.state.workstation = workstation
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    app.add_middleware(Admission, sessions=workstation.sessions, limits=Limits(MAX_BODY), refuse=_on_error)
    app.add_middleware(Headers)
    app.add_middleware(Measure, metrics=metrics, log=log)
    if settings.root_path:
        app.add_middleware(RootPath, root=settings.root_path)
    app.add_exception_handler(PlasmoscopeError, _on_error)
    app.add_exception_handler(HTTPException, _on_error)
    app.add_exception_handler(RequestValidationError, _on_error)
    app.add_exception_handler(DBAPIError, _on_error)
    app.add_exception_handler(OSError, _on_error)
    app.add_exception_handler(Exception, _on_failure)
    return app


async def _on_error(request: Request, error: Exception) -> Response:
    answer = as_web_error(error)
    headers = {"Retry-After": str(answer.retry_after)} if answer.retry_after else {}
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(error_body(answer, reader_words(request)), answer.status, headers)
    return await run_in_threadpool(error_page, request, answer, headers)


async def _on_failure(request: Request, error: Exception) -> Response:
    """What nobody foresaw, which the server writes to its log: answered outside of all that adds headers."""
    answer = await _on_error(request, error)
    answer.headers.update({**HEADERS, "Cache-Control": "no-store"})
    return answer
