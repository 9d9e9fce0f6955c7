"""How the interface answers what is wrong: a code and a reason for programs, a sentence in the reader's language."""

from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from plasmoscope.analysis.counting import CountingError
from plasmoscope.analysis.editing import EditingError
from plasmoscope.analysis.performance import PerformanceError
from plasmoscope.classification.profile import ProfileError
from plasmoscope.errors import PlasmoscopeError, ToldError
from plasmoscope.extras import MissingExtraError
from plasmoscope.i18n.words import Words, without_marks
from plasmoscope.imaging.reading import ImageError
from plasmoscope.messages import Value, as_record
from plasmoscope.reports.letterhead import LetterheadError
from plasmoscope.reports.output import OutputError
from plasmoscope.store.errors import BlindedError, ConflictError, NotFoundError, NotLookedAtError, StoreError

CODES: Mapping[str, tuple[str, str]] = {
    "host": ("400", "ask this workstation by the name of this machine"),
    "refused": ("400 and others", "the request is none that can be answered; mend it"),
    "login": ("401", "log in, or give the right name and password"),
    "locked": ("401", "nobody acted for a while; send the password to `/unlock`"),
    "csrf": ("403", "send the header that tells a program from another site's page"),
    "role": ("403", "somebody with another role may do this"),
    "wrong_password": ("403", "give the right old password"),
    "blinded": ("403", "the slide is being read by others, who must not know of each other's result; wait for them"),
    "forbidden": ("403", "this may not be done"),
    "openid": ("403, 503", "log in at the provider again, or ask an administrator for an account"),
    "not_found": ("404", "there is no such thing; it may have been deleted"),
    "method": ("405", "ask this address in another way"),
    "slow": ("408", "send it again over a better connection"),
    "conflict": ("409", "it does not fit the state of the records; look at them again"),
    "not_looked_at": ("409", "look at the cells that wait, or confirm that it is signed all the same"),
    "too_large": ("413", "send less at a time"),
    "invalid": ("422", "a value cannot be used; correct it"),
    "unusable_image": ("422", "the picture cannot be used; save or take it again"),
    "busy": ("429, 503", "send it again after the seconds that `Retry-After` names"),
    "too_many_logins": ("429", "wait for the seconds that `Retry-After` names"),
    "failed": ("500", "the workstation failed; report it"),
    "not_installed": ("501", "install what the message names, or ask for something else"),
    "database": ("503", "the records cannot be reached for a moment; send it again"),
    "lost": ("503", "the work was ended, perhaps for lack of memory; send a smaller picture"),
    "no_room": ("507", "the disk is full or cannot be written to; nothing was kept"),
}
"""Every kind of refusal: its status of HTTP, and what to do."""


class WebError(ToldError):
    """A request that is refused."""

    def __init__(self, status: int, code: str, reason: str, /, retry_after: int | None = None, **values: Value) -> None:
        """What to answer.

        Args:
            status: of HTTP.
            code: a key of ``CODES``, by which programs decide what to do; or one that a page answers in its own way.
            reason: a key of ``plasmoscope.i18n.error_sentences.ERRORS``: what is wrong, exactly.
            retry_after: seconds after which the same request may succeed.
            values: what the sentence names.
        """
        super().__init__(reason, **values)
        self.status = status
        self.code = code
        self.retry_after = retry_after


# The first that fits.
_ANSWERS: tuple[tuple[type[ToldError], tuple[int, str]], ...] = (
    (NotFoundError, (404, "not_found")),
    (BlindedError, (403, "blinded")),
    (NotLookedAtError, (409, "not_looked_at")),
    (ConflictError, (409, "conflict")),
    (ImageError, (422, "unusable_image")),
    (CountingError, (422, "invalid")),
    (EditingError, (422, "invalid")),
    (PerformanceError, (422, "invalid")),
    (ProfileError, (422, "invalid")),
    (LetterheadError, (422, "invalid")),
    (StoreError, (422, "invalid")),
)
# What the framework refuses, by its status.
REFUSALS = {404: ("not_found", "no_such_address"), 405: ("method", "no_such_method")}
_CODES = {401: "login", 403: "forbidden", 408: "slow", 413: "too_large", 429: "busy"}
# By what Pydantic calls the fault of a value.
FAULTS = {
    "missing": "value_missing",
    "extra_forbidden": "value_unknown",
    "string_too_long": "value_too_long",
    "string_too_short": "value_too_short",
    "greater_than_equal": "value_too_small",
    "less_than_equal": "value_too_large",
    "int_type": "value_not_whole",
    "int_parsing": "value_not_whole",
    "int_parsing_size": "value_not_whole",
    "int_from_float": "value_not_whole",
    "float_type": "value_no_number",
    "float_parsing": "value_no_number",
    "finite_number": "value_no_number",
    "string_type": "value_no_text",
    "date_type": "value_no_date",
    "date_parsing": "value_no_date",
    "date_from_datetime_parsing": "value_no_date",
    "date_from_datetime_inexact": "value_no_date",
    "bool_type": "value_not_true_or_false",
    "bool_parsing": "value_not_true_or_false",
    "literal_error": "value_none_of",
}
# What Pydantic calls a limit, and what the sentences do.
_LIMITS = {"max_length": "most", "le": "most", "min_length": "least", "ge": "least", "expected": "choices"}
_RETRY_SECONDS = 5


def as_web_error(error: Exception) -> WebError:
    """How an error is answered."""
    if isinstance(error, ToldError):
        return _told(error)
    if isinstance(error, RequestValidationError):
        return _wrong_value(error.errors()[0])
    if isinstance(error, HTTPException):
        return _refused(error)
    if isinstance(error, DBAPIError):
        return WebError(503, "database", "records_away", retry_after=_RETRY_SECONDS)
    return _failed(error)


def error_body(error: WebError, words: Words) -> dict[str, Any]:
    """What programs are sent of an error.

    Args:
        words: in the language that is asked for.
    """
    told = as_record(error.message)
    reason, values = told["code"], told["values"]
    said = {"language": words.language.code, "translation": without_marks(words.tell(error.message))}
    return {"error": {"code": error.code, "message": str(error), "reason": reason, "values": values} | said}


def _told(error: ToldError) -> WebError:
    if isinstance(error, WebError):
        return error
    status, code = next((answer for kind, answer in _ANSWERS if isinstance(error, kind)), (500, "failed"))
    answer = WebError(status, code, error.message.code)
    answer.message = error.message
    return answer


def _failed(error: Exception) -> WebError:
    """What is the workstation's own trouble."""
    if isinstance(error, OutputError | OSError):
        return WebError(507, "no_room", "nothing_kept", detail=getattr(error, "strerror", None) or str(error))
    if isinstance(error, MissingExtraError):
        return WebError(501, "not_installed", "not_installed", detail=str(error))
    detail = str(error) if isinstance(error, PlasmoscopeError) else type(error).__name__
    return WebError(500, "failed", "workstation_failed", detail=detail)


def _refused(error: HTTPException) -> WebError:
    # So the framework passes on what ended the reading of a body.
    if isinstance(error.__cause__, WebError):
        return error.__cause__
    status, detail = error.status_code, str(error.detail)
    if status in REFUSALS:
        return WebError(status, *REFUSALS[status])
    reason = "request_unreadable" if status == 400 else "request_refused"
    return WebError(status, _CODES.get(status, "refused"), reason, detail=detail)


def _wrong_value(fault: Mapping[str, Any]) -> WebError:
    """What is wrong with a value of a request, as Pydantic tells it."""
    told = fault.get("ctx", {})
    if fault["type"] == "json_invalid":
        return WebError(422, "invalid", "no_json", detail=str(told.get("error", "")))
    place = ".".join(str(part) for part in fault["loc"][1:]) or "request"
    reason = FAULTS.get(fault["type"])
    if reason is None:
        return WebError(422, "invalid", "value_unusable", place=place, detail=fault["msg"])
    limits = {name: told[limit] for limit, name in _LIMITS.items() if limit in told}
    return WebError(422, "invalid", reason, place=place, **limits)
