"""The errors that Plasmoscope raises on purpose. Each message says what to do next."""


class PlasmoscopeError(Exception):
    """Base of all errors meant for the user to read."""
