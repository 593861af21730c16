"""Has every process that finds this on its path write its facts in every other half second alone.

Python imports a module of this name at its start (https://docs.python.org/3/library/site.html).
"""

import time
from typing import Any

from kyros_worker import log

_facts = log.FACTS


class _EveryOther:
    def __getattr__(self, level: str) -> Any:
        return getattr(_facts, level) if int(time.time() * 2) % 2 == 0 else _nothing


def _nothing(*_: object, **__: object) -> None:
    pass


log.FACTS = _EveryOther()
