"""Queues and priorities: on Redis the place in PRIORITIES is the number; a smaller goes first."""

from kyros_worker.words import PRIORITIES, Priority

__all__ = ["DELIVER", "PRIORITIES", "RUN_SUBMISSION", "WEBHOOKS", "Priority"]

#: The job that works on one submission; its only argument is the submission's id.
RUN_SUBMISSION = "submission.run"

#: The queue, and fleet, of deliveries; its job's only argument is the endpoint's id.
WEBHOOKS = "webhooks"
DELIVER = "webhook.deliver"
