"""``/api/v1``: everything that the pages can do, for programs; one module a resource."""

from typing import Any

from fastapi import APIRouter, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from plasmoscope.web.api import (
    accounts,
    audit,
    cameras,
    cells,
    fields,
    history,
    letterhead,
    login,
    panels,
    patients,
    performance,
    profiles,
    quality,
    queue,
    readings,
    schemas,
    slides,
    uploads,
)
from plasmoscope.web.security.cross_site import CLIENT_HEADER

_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": schemas.Error} for code in (400, 401, 403, 404, 409, 413, 422, 429, 503, 507)
}
# For the document of the interface; ``security.cross_site`` and ``Sessions.actor`` do the checking.
_SCHEMES = [
    Security(
        APIKeyHeader(
            name=CLIENT_HEADER,
            scheme_name="program",
            description="Any value, with whatever is not read alone: it tells a program from another site's page.",
            auto_error=False,
        )
    ),
    Security(
        HTTPBearer(
            scheme_name="account", description="The token of /login, where people must log in.", auto_error=False
        )
    ),
]

router = APIRouter(prefix="/api/v1", responses=_REFUSALS, dependencies=_SCHEMES)
for _resource in (
    login,
    accounts,
    audit,
    performance,
    profiles,
    cells,
    queue,
    slides,
    readings,
    panels,
    patients,
    history,
    quality,
    letterhead,
    fields,
    uploads,
    cameras,
):
    router.include_router(_resource.router)
