"""Celery: the application, the queues and the messages. Transport only."""
