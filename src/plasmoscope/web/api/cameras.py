"""``/cameras``: who watches a camera's folder says what it holds, and hears which slide its pictures go to."""

from typing import Annotated

from fastapi import APIRouter, Path

from plasmoscope.store import cameras
from plasmoscope.watching import LONGEST_NAME
from plasmoscope.web.api import schemas
from plasmoscope.web.dependencies import Records
from plasmoscope.web.security.identity import Technician

router = APIRouter(tags=["cameras"])

CameraName = Annotated[str, Path(min_length=1, max_length=LONGEST_NAME, pattern=r"^[\w .-]+$")]


@router.put("/cameras/{name}")
def report_camera(
    actor: Technician, records: Records, name: CameraName, given: schemas.CameraReport
) -> schemas.CameraOrders:
    """Say what a camera's folder holds, at least once a minute; ``plasmoscope watch`` does so."""
    told = given.report()
    with records.reading() as session:
        orders = cameras.is_said(session, name, told)
    if orders is None:
        with records.session() as session:
            orders = cameras.report(session, name, told)
    return schemas.CameraOrders(**orders._asdict())
