"""Webhooks and API keys."""

from decimal import Decimal
from typing import Dict, List, Optional

from kyros.exact import money
from kyros.models.model import Model, each


class Webhook(Model):
    """An endpoint that is told what happens. `secret` is there where it was just made."""

    id: str
    url: str
    events: List[str]
    description: str
    enabled: bool
    disabled_reason: Optional[str]
    secret: Optional[str]
    #: The same secret in the form that libraries for Standard Webhooks read.
    standard_secret: Optional[str]
    secret_pending_since: Optional[str]
    mode: str
    created_by: str
    created_at: str
    updated_at: str


class DeliveryAttempt(Model):
    """One try to deliver, and what was answered."""

    number: int
    at: str
    duration_seconds: float
    headers: Dict[str, str]
    status_code: Optional[int]
    answer: Optional[str]
    error: Optional[str]


class Delivery(Model, reads={"attempts": each(DeliveryAttempt)}):
    """One event on its way to one webhook."""

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    task_id: Optional[str]
    status: str
    body: str
    attempts: List[DeliveryAttempt]
    next_attempt_at: Optional[str]
    created_at: str
    delivered_at: Optional[str]


class Replay(Model):
    """How many deliveries go out again."""

    id: str
    since: str
    deliveries: int


class ApiKey(Model, reads={"day_budget_usd": money}):
    """An API key's record. `key`, the secret, is there where it was just made."""

    id: str
    name: str
    prefix: str
    key: Optional[str]
    permissions: List[str]
    rate_limit: Optional[int]
    day_budget_usd: Optional[Decimal]
    mode: str
    created_by: str
    created_at: str
    expires_at: Optional[str]
    #: Until when the secret before is good; None when none is.
    previous_expires_at: Optional[str]
    last_used_at: Optional[str]
    revoked_at: Optional[str]
