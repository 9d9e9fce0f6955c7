"""What people see in a browser, and what its buttons do; one module a page."""

from fastapi import APIRouter

from plasmoscope.web.pages import (
    accounts,
    audit,
    cells,
    controls,
    deleted_slides,
    fields,
    finding,
    home,
    letterhead,
    login,
    openid,
    panel_answers,
    panels,
    patients,
    performance,
    profiles,
    quality,
    readings,
    review,
    slide_details,
    slides,
    welcome,
)

router = APIRouter(include_in_schema=False)
# ``/slides/new``, of ``slide_details``, is no slide's number and comes before them.
for _page in (
    welcome,
    login,
    openid,
    accounts,
    audit,
    slide_details,
    home,
    finding,
    slides,
    deleted_slides,
    fields,
    letterhead,
    panels,
    panel_answers,
    patients,
    cells,
    performance,
    profiles,
    quality,
    controls,
    readings,
    review,
):
    router.include_router(_page.router)
