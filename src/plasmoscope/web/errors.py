"""What the interface answers when something is wrong: a code for programs, a sentence for people."""

from plasmoscope.analysis.counting import CountingError
from plasmoscope.analysis.editing import EditingError
from plasmoscope.analysis.performance import PerformanceError
from plasmoscope.classification.profile import ProfileError
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import MissingExtraError
from plasmoscope.imaging.reading import ImageError
from plasmoscope.reports.output import OutputError
from plasmoscope.store.errors import ConflictError, NotFoundError, NotLookedAtError, StoreError


class WebError(PlasmoscopeError):
    """A request that is refused for a reason of its own."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        """Seconds after which the same request may succeed."""


# The first that fits.
_ANSWERS: tuple[tuple[type[PlasmoscopeError], int, str], ...] = (
    (NotFoundError, 404, "not_found"),
    (NotLookedAtError, 409, "not_looked_at"),
    (ConflictError, 409, "conflict"),
    (ImageError, 422, "unusable_image"),
    (CountingError, 422, "invalid"),
    (EditingError, 422, "invalid"),
    (PerformanceError, 422, "invalid"),
    (ProfileError, 422, "invalid"),
    (StoreError, 422, "invalid"),
    (OutputError, 507, "no_room"),
    (MissingExtraError, 501, "not_installed"),
)


def as_web_error(error: PlasmoscopeError) -> WebError:
    """How an error of the library is answered."""
    if isinstance(error, WebError):
        return error
    for kind, status, code in _ANSWERS:
        if isinstance(error, kind):
            return WebError(status, code, str(error))
    return WebError(500, "failed", str(error))
