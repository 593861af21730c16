"""What a call used, in tokens."""

from dataclasses import dataclass

_CHARACTERS_PER_TOKEN = 4
_BYTES_PER_TOKEN_AT_LEAST = 2


@dataclass(frozen=True)
class Usage:
    """Tokens of one call.

    `cache_read_tokens` and `cache_write_tokens` are part of the input, `reasoning_tokens` part of
    the output. `reported` is whether this is what the provider bills: it told so with its answer,
    or it refused before any work (then all are 0). Of a call that was cut nothing is known, and it
    is false.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0
    reported: bool = True
    cache_write_tokens: int = 0


#: The provider did no work that it could bill.
NOTHING = Usage()
#: Nobody knows what the provider bills.
UNREPORTED = Usage(reported=False)


def tokens_at_most(text: str) -> int:
    """More tokens than a text has: a token for each two bytes, where four are usual."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN_AT_LEAST)


def counted_tokens(text: str) -> int:
    """The tokens of a text, estimated at 4 characters a token, rounded up."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
