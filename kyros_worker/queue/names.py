"""Queues and priorities."""

from typing import Literal, get_args

Priority = Literal["critical", "high", "medium", "low"]

#: In the order in which they are served. On Redis a smaller number goes first.
PRIORITIES: tuple[Priority, ...] = get_args(Priority)

#: The job that works on one submission; its only argument is the submission's id.
RUN_SUBMISSION = "submission.run"
