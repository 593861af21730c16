"""Queues and priorities: on Redis the place in PRIORITIES is the number; a smaller goes first."""

from kyros_worker.words import PRIORITIES, Priority

__all__ = ["PRIORITIES", "RUN_SUBMISSION", "Priority"]

#: The job that works on one submission; its only argument is the submission's id.
RUN_SUBMISSION = "submission.run"
