"""What a browser calls the files that it fetches, so that those of two patients are told apart."""

from pathlib import PurePosixPath
from urllib.parse import quote

# What some system refuses in a name, or reads as more than a name.
_REFUSED = frozenset('<>:"/\\|?*%')
_LONGEST_CODE = 40


def disposition(kind: str, name: str, patient: str, slide: str) -> str:
    """The header ``Content-Disposition``: ``report.pdf`` becomes ``report-P-1-S-1.pdf``.

    The whole name stands there as RFC 5987 has it, and before it one in ASCII for programs that do not know that.

    Args:
        kind: ``inline`` or ``attachment``.
        name: of the file among those of its slide.
        patient: code, as people wrote it.
        slide: code, as people wrote it.
    """
    full = slide_file(name, patient, slide)
    plain = "".join(sign if sign.isascii() else "_" for sign in full)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(full, safe='')}"


def slide_file(name: str, patient: str, slide: str) -> str:
    """A file's name with whose it is; arguments as of ``disposition``."""
    file = PurePosixPath(name)
    return f"{file.stem}-{_safe(patient)}-{_safe(slide)}{file.suffix}"


def _safe(code: str) -> str:
    signs = (sign if sign.isprintable() and not sign.isspace() and sign not in _REFUSED else "_" for sign in code)
    return "".join(signs)[:_LONGEST_CODE]
