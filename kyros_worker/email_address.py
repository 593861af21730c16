"""E-mail addresses, by which people sign in. Pure."""

import re

from kyros_worker.errors import FieldError, InvalidError

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
#: The WHATWG's "valid e-mail address" in lower case, which browsers hold `type=email` to.
_FORM = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*", re.ASCII)
#: RFC 5321, section 4.5.3.1.3, without the angle brackets.
_LONGEST = 254


def normalised(email: str) -> str:
    """The address as it is kept and compared, whatever was typed."""
    return email.strip().lower()


def is_email(email: str) -> bool:
    """Whether the text in its normal form is an address; `admin@localhost` is one."""
    return len(email) <= _LONGEST and _FORM.fullmatch(email) is not None


def checked(email: str) -> str:
    """The address in its normal form; raises InvalidError, with the field `email`, if it is none.

    Whether anything reaches anybody there is not asked.
    """
    email = normalised(email)
    if not is_email(email):
        raise InvalidError(
            "email is not an e-mail address.",
            details=[FieldError("email", "must be an e-mail address such as jo@example.com")],
        )
    return email
