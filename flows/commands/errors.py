"""Errors of the command line itself."""


class UsageError(ValueError):
    """A command was used in a way that cannot work; the message says what to do."""
