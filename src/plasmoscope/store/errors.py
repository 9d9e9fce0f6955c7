"""What can go wrong with the records, by what the user can do about it."""

from plasmoscope.errors import ToldError


class StoreError(ToldError):
    """What was asked of the records makes no sense, or they cannot be opened."""


class NotFoundError(StoreError):
    """There is no such slide, field or patient."""


class ConflictError(StoreError):
    """What was asked does not fit the state that the records are in, such as a change of a signed slide."""


class TakenError(ConflictError):
    """There is one with this name or ID already."""


class NotLookedAtError(ConflictError):
    """A slide is to be signed with cells that nobody has looked at."""


class BlindedError(StoreError):
    """Somebody may not see a slide yet, since others read it without knowing of each other's result."""
