"""A configuration for tests that has live models on a scripted server."""

import os
from contextlib import contextmanager

from kyros_worker import settings
from kyros_worker.model import call, providers

KEY = "sk-scripted-0123456789abcdef"

SCRIPTED = """
[providers.local]
kind = "{kind}"
base_url = "{url}"
api_key_env = "SCRIPTED_KEY"
{more}

[models.economy]
model = "local:{model}"
output_tokens = {output_tokens}
timeout_seconds = {timeout}
fallbacks = {fallbacks}

{tables}
"""


@contextmanager
def configured(path, text, **environ):
    """This process's settings with that configuration, until the end."""
    path.write_text(text)
    before = dict(os.environ)
    os.environ.update(KYROS_CONFIG=str(path), SCRIPTED_KEY=KEY, **environ)
    _forget()
    try:
        yield settings.current()
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget()


def on(url, *, kind="openai-compatible", model="mine", timeout=20, output_tokens=900, more="",
       fallbacks=(), tables=""):  # fmt: skip
    """The text of a configuration whose economy models are on a scripted server."""
    return SCRIPTED.format(
        url=url, kind=kind, model=model, timeout=timeout, output_tokens=output_tokens, more=more,
        fallbacks=list(fallbacks), tables=tables,
    )  # fmt: skip


def _forget():
    settings.current.cache_clear()
    providers.forget()
    call._refused_schema.clear()
