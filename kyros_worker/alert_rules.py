"""When people are alerted: the `[alerts]` of the configuration's file."""

from typing import Annotated

from pydantic import Field

from kyros_worker.toml_table import TomlTable

_Seconds = Annotated[float, Field(gt=0, le=7 * 86_400, allow_inf_nan=False)]


class FailureRate(TomlTable):
    """Too many of the tasks that ended have failed."""

    enabled: bool = True
    #: Of the tasks that completed or failed.
    percentage: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 50
    window_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 15
    #: Fewer than so many in the window say nothing.
    least_tasks: Annotated[int, Field(ge=1, le=1_000_000)] = 10


class QueueAge(TomlTable):
    """Work has been due for too long, and no worker has begun it."""

    enabled: bool = True
    seconds: _Seconds = 600


class NoWorkers(TomlTable):
    """A fleet has had no worker for so long."""

    enabled: bool = True
    seconds: _Seconds = 60


class AlertRules(TomlTable):
    """All rules; each can be turned off."""

    failure_rate: FailureRate = FailureRate()
    queue_age: QueueAge = QueueAge()
    no_workers: NoWorkers = NoWorkers()
