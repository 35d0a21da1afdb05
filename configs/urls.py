"""URLs as they may be shown."""

import re


def without_credentials(text: str) -> str:
    """A text without what stands before the host in its URLs.

    >>> without_credentials("no answer at https://ada:s3cr@t@mlflow.bank:5000/api (refused)")
    'no answer at https://mlflow.bank:5000/api (refused)'
    """
    return re.sub(r"(?<=://)[^/\s]*@", "", text)
