"""What Prometheus is told: the whole deployment's figures, from the database.

So every process of the API says the same, over restarts too. A process computes them once a second
at most, whoever asks (docs/reference/metrics.md).
"""

import threading
import time
from importlib.metadata import version

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import InfoMetricFamily, Metric, UnknownMetricFamily

from kyros_worker.database import is_away, read
from kyros_worker.monitoring.families import gauge, of_database

#: How long figures are told again without being asked for anew.
_REMEMBERED_SECONDS = 1.0


class _Collected:
    """A registry's only collector: families that are there already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


class Exposition:
    """The figures of this process, remembered for a second; who asks meanwhile waits for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: list[Metric] = []
        self._read_at = -_REMEMBERED_SECONDS

    def text(self, accept: str) -> tuple[bytes, str]:
        """The text and its type: OpenMetrics for who accepts it, else Prometheus's own."""
        encode, content_type = choose_encoder(accept)
        openmetrics = content_type.startswith("application/openmetrics-text")
        with self._lock:
            if time.monotonic() - self._read_at >= _REMEMBERED_SECONDS:
                self._found = _families()
                self._read_at = time.monotonic()
            found = self._found
        registry = CollectorRegistry()
        shown = [_unclashing(one) if openmetrics else one for one in found]
        registry.register(_Collected(shown))
        return encode(registry), content_type


exposition = Exposition()


def _unclashing(family: Metric) -> Metric:
    """In OpenMetrics a counter `kyros_tasks` and a gauge of that name can't stand side by side.

    There the counter keeps the name of its samples, `kyros_tasks_total`, and has no type.
    """
    if (family.name, family.type) != ("kyros_tasks", "counter"):
        return family
    untyped = UnknownMetricFamily("kyros_tasks_total", family.documentation)
    untyped.samples = family.samples
    return untyped


def _families() -> list[Metric]:
    try:
        with read() as connection:
            found = list(of_database(connection))
    except Exception as error:
        if not is_away(error):
            raise
        found = []
    build = InfoMetricFamily("kyros_build", "The version that answers.")
    build.add_metric([], {"version": version("kyros")})
    return [gauge("kyros_up", "Whether the database answers: 0 or 1.", [((), bool(found))]),
            build, *found]  # fmt: skip
