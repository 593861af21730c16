"""Bare Flask: a view that calls `.delay()` and stores nothing, and one that inserts a row."""

import os
import uuid

from flask import Flask, Response, jsonify, request
from sqlalchemy import JSON, Column, MetaData, String, Table, create_engine, insert

from bench.peers.jobs import work

app = Flask(__name__)
WORK_SECONDS = float(os.environ.get("PEER_WORK_SECONDS", "10"))
_tasks = Table(
    "peer_tasks",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("title", String),
    Column("body", JSON),
)
_engine = create_engine(os.environ["PEER_DATABASE_URL"], pool_size=8, max_overflow=24)


@app.post("/delay")
def delay() -> tuple[Response, int]:
    """What was sent travels in the message; nothing is stored."""
    job = work.delay(request.get_json(), WORK_SECONDS)
    return jsonify(id=job.id), 201


@app.post("/insert")
def insert_row() -> tuple[Response, int]:
    """What was sent becomes one committed row; nobody is told."""
    body = request.get_json()
    task_id = str(uuid.uuid4())
    with _engine.begin() as connection:
        connection.execute(insert(_tasks).values(id=task_id, title=body["title"], body=body))
    return jsonify(id=task_id), 201
