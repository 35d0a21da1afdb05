"""A person's API key, from where it leaves no trace: never an argument."""

import getpass
import os
import sys

from flows.commands.errors import UsageError

KEY = "CREDITLOOP_KEY"


def read_token() -> str:
    """The key from CREDITLOOP_KEY, from a prompt that does not show it, or from stdin.

    Raises:
        UsageError: there is none.
    """
    token = os.environ.get(KEY, "")
    if not token:
        token = getpass.getpass("Key: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not token.strip():
        raise UsageError(f"no key; set {KEY}, or give the key at the prompt or on stdin")
    return token.strip()
