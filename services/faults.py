"""What an error says, for one line of a log or of an answer."""


def first_line(error: BaseException) -> str:
    r"""The first line of an error, in a database's own words where SQLAlchemy wraps them.

    >>> first_line(ValueError("no such table\nHINT: migrate")), first_line(TimeoutError())
    ('no such table', 'TimeoutError')
    """
    cause = getattr(error, "orig", None) or error
    return str(cause).partition("\n")[0] or type(error).__name__
