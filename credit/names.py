"""What the name of a column gives away: an outcome, or a protected characteristic."""

import re

_OUTCOME_WORDS = re.compile(
    r"(?:^|_)(?:default(?:ed|s)?|charged?_?offs?|write_?offs?|written_off|recover(?:y|ies|ed)"
    r"|collections?|last_(?:payment|paymnt|pymnt|pmt)|settle(?:d|ment)s?|outcomes?"
    r"|loan_status|foreclosed?|foreclosure|repossess(?:ed|ion)?|npl|lgd)(?:_|$)"
)
# "previous_defaults" and "collections_12_months" are history that an application may know.
_HISTORY_WORDS = re.compile(
    r"(?:^|_)(?:previous|prev|prior|past|former|history|historical|hist|ever|existing|since"
    r"|\d+_?(?:d|days?|m|mths?|months?|y|yrs?|years?))(?:_|$)"
)
_PROTECTED_WORDS: dict[str, re.Pattern[str]] = {
    attribute: re.compile(rf"(?:^|_)(?:{words})(?:_|$)")
    for attribute, words in {
        "sex": "sex|gender|female|male",
        "age": "age|birth|birthday|birthdate|dob|year_of_birth",
        "marital_status": "marital|married|marriage|civil_status|spouse",
        "race": "race|ethnic|ethnicity|colou?r",
        "religion": "religion|religious|church",
        "nationality": "nationality|national|citizen|citizenship|foreign|foreigner|immigrant",
        "disability": "disability|disabled|handicap",
    }.items()
}


def plain_name(name: str) -> str:
    """A name in snake case.

    >>> plain_name("ChargeOffAmt"), plain_name("charge-off amt")
    ('charge_off_amt', 'charge_off_amt')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def sounds_like_outcome(name: str) -> bool:
    """Whether a name speaks of what happens after the application, and not before it.

    >>> sounds_like_outcome("recoveries"), sounds_like_outcome("collections_12_mths")
    (True, False)
    """
    words = plain_name(name)
    return bool(_OUTCOME_WORDS.search(words)) and not _HISTORY_WORDS.search(words)


def protected_attribute(name: str) -> str:
    """The protected characteristic that a name speaks of; the empty text for none.

    >>> protected_attribute("AGE"), protected_attribute("mortgage")
    ('age', '')
    """
    words = plain_name(name)
    spoken_of = (a for a, pattern in _PROTECTED_WORDS.items() if pattern.search(words))
    return next(spoken_of, "")
