"""Texts that Postgres and JSON can hold."""


def storable(text: str) -> str:
    """The text without NUL characters and lone surrogates, which a model may well answer."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")


def shortened(text: str, length: int) -> str:
    """At most `length` characters of the text; a cut shows as an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"
