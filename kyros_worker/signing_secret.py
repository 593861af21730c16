"""Which secrets are too weak to sign JWTs with: one can be guessed from any token. Pure."""

#: HS256 is as strong as its hash only from that many bytes on (RFC 7518, section 3.2).
SHORTEST = 32
_FEWEST_DIFFERENT = 8
#: Parts of the defaults that guides print, and that are tried first.
_WELL_KNOWN = (
    "your-secret", "your_secret", "your-256-bit-secret", "your-webhook-secret", "changeme",
    "change-me", "change_me", "a-string-secret-at-least-256-bits-long",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "django-insecure",
)  # fmt: skip


def weakness(secret: str) -> str | None:
    """What is wrong with it, as words after the setting's name; None for nothing."""
    if any(known in secret.lower() for known in _WELL_KNOWN):
        return "is or holds a default that everybody knows"
    if len(secret.encode()) < SHORTEST:
        return f"must be {SHORTEST} bytes or longer"
    if len(set(secret)) < _FEWEST_DIFFERENT:
        return f"must have {_FEWEST_DIFFERENT} different characters or more"
    if secret.lstrip().startswith(("-----BEGIN", "ssh-")):
        return "is a key of another algorithm"
    return None
