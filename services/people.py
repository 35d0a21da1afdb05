"""Who runs this process."""

import getpass


def user() -> str:
    """The user's name, or "unknown" for a container's user without one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
