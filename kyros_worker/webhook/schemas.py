"""What a client may send about webhooks (contract, "Webhooks"), validated strictly."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from kyros_worker.schemas import Body, Time
from kyros_worker.strict_json import text_fault
from kyros_worker.webhook.address import refusal_of_url
from kyros_worker.webhook.allowed import allowed
from kyros_worker.words import EVENT_NAMES, EventName


def _may_be_called(url: str) -> str:
    may = allowed()
    if (refused := refusal_of_url(url, may.networks, may.own)) is not None:
        raise ValueError(f"can't be called: {refused.removesuffix('.')}")
    return url


def _is_text(value: str) -> str:
    if (fault := text_fault(value)) is not None:
        raise ValueError(fault)
    return value


Url = Annotated[
    str, StringConstraints(min_length=1, max_length=2048), AfterValidator(_may_be_called)
]
Events = Annotated[list[EventName], Field(min_length=1, max_length=len(EVENT_NAMES))]
Description = Annotated[str, StringConstraints(max_length=1000)]


class NewWebhook(Body):
    """An endpoint to be told of events."""

    url: Url = Field(description="http or https; who may be called is the deployment's setting.")
    events: Events
    secret: (
        Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_is_text)]
        | None
    ) = Field(None, description="Signs every delivery; made by the server when absent.")
    description: Description | None = None
    enabled: bool | None = True


class ChangedWebhook(Body):
    """What is to change of an endpoint; what is absent stays."""

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    enabled: bool | None = None


class Since(Body):
    """From when on everything is sent again."""

    since: Time
