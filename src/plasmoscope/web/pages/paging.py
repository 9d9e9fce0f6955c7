"""Which part of a long list a page shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.datastructures import URL

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Paging:
    """Which part of a list is shown."""

    total: int
    first: int
    """From 1."""
    last: int
    before: str | None
    """Address of the part before this one."""
    after: str | None

    @property
    def size(self) -> int:
        """How many are shown."""
        return self.last - self.first + 1


def paging(request: Request, page: int, size: int, shown: Sequence[Any], total: int) -> Paging:
    """Where the reader is in a list of ``total`` that shows ``size`` at a time."""
    first = (page - 1) * size + 1
    last = first + len(shown) - 1
    before = _address(request.url.include_query_params(page=page - 1)) if page > 1 else None
    after = _address(request.url.include_query_params(page=page + 1)) if last < total and shown else None
    return Paging(total, first, last, before, after)


def _address(url: URL) -> str:
    return f"{url.path}?{url.query}"
