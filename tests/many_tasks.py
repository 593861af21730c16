"""A database full of tasks, made by SQL, and what its queries visit."""

import json

from sqlalchemy import NullPool, create_engine, text

from kyros_worker import strict_json
from kyros_worker.database import driver_url

#: Of a thousand tasks: many are long done, few are open, as after a year of use.
_FILL = """
INSERT INTO tasks (id, mode, title, description, type, priority, assignee_role,
    acceptance_criteria, files_to_modify, complexity, metadata, deadline_seconds, dedupe_key,
    created_by, created_at, context, state, progress_percentage, progress_stage, progress_message,
    result, error, cost_usd, model_tier, submission_id, last_seq, deadline_at, started_at,
    completed_at, updated_at)
SELECT task_id, CASE WHEN n % 5 = 0 THEN 'test' ELSE 'live' END,
    'Change the ' || (ARRAY['login', 'search', 'billing', 'export', 'report'])[1 + spread % 5]
        || ' of module' || n % 1000 || CASE WHEN n % 50021 = 0 THEN ' quetzal' ELSE '' END,
    'As a user I want word' || spread % 50000 || ' and word' || n % 7919 || ' to work well. '
        || repeat('The page is slow, and people wait for it. ', 5),
    type, (ARRAY['low', 'medium', 'medium', 'medium', 'high', 'critical'])[1 + spread % 6],
    CASE type WHEN 'review' THEN 'critic' WHEN 'deployment' THEN 'integrator'
        ELSE CASE WHEN n % 40 = 3 THEN 'critic' ELSE 'implementer' END END,
    '["It works."]', '["app/main.py"]', NULL, '{"ticket": "ABC-1"}', 86400,
    CASE WHEN n % 10 = 0 THEN 'pull ' || n / 20 END, 'key_1', at, '{}', state,
    CASE WHEN state = 'completed' THEN 100 ELSE 33 END, state, 'A message.',
    CASE WHEN state = 'completed' THEN '{"summary": "Done."}'::json END,
    CASE WHEN state IN ('failed', 'cancelled') THEN 'It failed.' END, 0.00123, 'economy',
    'sub_' || substr(task_id, 6), 4, now() + interval '1 day', at,
    CASE WHEN state IN ('completed', 'failed', 'cancelled') THEN at END, at
FROM (
    SELECT n, spread, at,
        'task_' || lpad((extract(epoch FROM at) * 1000000)::bigint::text, 16, '0')
            || lpad((n % 10000000)::text, 7, '0') AS task_id,
        CASE WHEN spread % 1000 < 700 THEN 'implementation' WHEN spread % 1000 < 900 THEN 'review'
            WHEN spread % 1000 < 999 THEN 'deployment' ELSE 'audit' END AS type,
        CASE WHEN spread % 991 < 900 THEN 'completed' WHEN spread % 991 < 960 THEN 'failed'
            WHEN spread % 991 < 980 THEN 'cancelled' WHEN spread % 991 < 986 THEN 'queued'
            WHEN spread % 991 < 990 THEN 'running' ELSE 'awaiting_approval' END AS state
    FROM (
        SELECT n, (hashint8(n)::bigint & 1073741823) AS spread,
            timestamptz '2026-01-01' + n * interval '20 seconds' AS at
        FROM generate_series(1, :count) AS n
    ) AS numbered
) AS spread_out
"""
_SUBMISSIONS = """
INSERT INTO submissions (id, task_id, run, role, tier, revision, state, priority, request_id,
    created_at, due_at, publish_at, published, published_at, waiting_since, lease_expires_at)
SELECT submission_id, id, 1, assignee_role, 'economy', 0,
    CASE state WHEN 'queued' THEN 'queued' WHEN 'running' THEN 'running' ELSE 'completed' END,
    2, 'req_1', created_at, created_at, now() + interval '1 hour', 1, created_at, now(),
    CASE state WHEN 'running' THEN now() + interval '1 hour' END
FROM tasks WHERE state IN ('queued', 'running') OR created_at > timestamptz '2026-01-01'
    + (:count - 20000) * interval '20 seconds'
"""
_EVENTS = """
INSERT INTO events (task_id, seq, id, type, data, created_at)
SELECT task_id, seq, 'evt_' || substr(task_id, 6) || seq, 'submission.queued', '{}', created_at
FROM submissions, generate_series(1, 4) AS seq
"""


def fill(database_url, count):
    """Fills a database that has the schema and no tasks; gives an engine for it."""
    engine = create_engine(
        driver_url(database_url),
        poolclass=NullPool,
        json_serializer=strict_json.dumps,
        json_deserializer=strict_json.loads_stored,
    )
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        indexes = connection.execute(
            text("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'tasks' "
                 "AND indexname <> 'tasks_pkey'")
        ).all()  # fmt: skip
        for index in indexes:
            connection.execute(text(f"DROP INDEX {index.indexname}"))
        for statement in (_FILL, _SUBMISSIONS, _EVENTS):
            connection.execute(text(statement), {"count": count})
        for index in indexes:
            connection.exec_driver_sql(index.indexdef)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("tasks", "submissions", "events"):
            connection.execute(text(f"VACUUM (ANALYZE) {table}"))
    return engine


class Plan:
    """How Postgres carried out a statement."""

    def __init__(self, engine, statement, parameters):
        # Never committed: explaining a change makes it.
        with engine.connect() as connection:
            explained = connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters
            ).scalar_one()
        self.found = explained if isinstance(explained, list) else json.loads(explained)
        self.milliseconds = self.found[0]["Execution Time"]
        self.nodes = list(self._walk(self.found[0]["Plan"]))

    def _walk(self, node, depth=0):
        yield depth, node
        for inner in node.get("Plans", ()):
            yield from self._walk(inner, depth + 1)

    @property
    def buffers(self):
        """Pages of 8 kB that were visited."""
        root = self.found[0]["Plan"]
        return root["Shared Hit Blocks"] + root["Shared Read Blocks"]

    @property
    def visited(self):
        """The most rows that any one step of the plan looked at."""
        return max(
            node.get("Actual Loops", 1)
            * (node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)
               + node.get("Rows Removed by Index Recheck", 0))
            for _, node in self.nodes
        )  # fmt: skip

    def reads_whole(self, table):
        return any(
            node["Node Type"] == "Seq Scan" and node["Relation Name"] == table
            for _, node in self.nodes
        )

    def __str__(self):
        lines = [f"{self.milliseconds:.1f} ms, {self.buffers} buffers, {self.visited:.0f} rows"]
        for depth, node in self.nodes:
            names = [
                str(node[name])
                for name in ("Node Type", "Index Name", "Index Cond", "Recheck Cond", "Filter",
                             "Sort Key")
                if name in node
            ]  # fmt: skip
            removed = node.get("Rows Removed by Filter", 0)
            rows = f"rows={node.get('Actual Rows')} removed={removed}"
            lines.append("  " * depth + " · ".join([*names, rows])[:300])
        return "\n".join(lines)
