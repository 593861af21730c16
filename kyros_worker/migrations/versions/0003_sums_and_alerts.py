"""sums and alerts"""

from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

# One function a table of rows. Each writes what a change adds; what a row counted at before is
# taken back with a minus, so the sum is always that of the rows. No function reads another row
# that may change, and none takes a lock that a writer could wait for.
COUNTING = """
CREATE FUNCTION count_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ends boolean := NEW.state IN ('completed', 'failed', 'cancelled');
    took numeric := CASE WHEN ends
        THEN greatest(0, extract(epoch FROM NEW.completed_at - NEW.created_at)) END;
BEGIN
    INSERT INTO task_increments (mode, at, type, was, became, count, escalated, seconds,
        least_seconds, most_seconds)
    VALUES (NEW.mode, date_bin('1 minute', NEW.updated_at, 'epoch'), NEW.type,
        coalesce(OLD.state, ''), NEW.state, 1, (ends AND NEW.escalated)::int, coalesce(took, 0),
        took, took);
    RETURN NULL;
END $$;
CREATE FUNCTION count_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally_increments (mode, at, what, subject, outcome, count)
    SELECT webhooks.mode, date_bin('1 minute', NEW.at, 'epoch'), 'attempt', '',
        CASE WHEN NEW.status_code BETWEEN 200 AND 299 THEN 'succeeded' ELSE 'failed' END, 1
    FROM deliveries JOIN webhooks ON webhooks.id = deliveries.webhook_id
    WHERE deliveries.id = NEW.delivery_id;
    RETURN NULL;
END $$;
CREATE FUNCTION count_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally_increments (mode, at, what, subject, outcome, count)
    SELECT webhooks.mode, date_bin('1 minute', coalesce(NEW.delivered_at,
            (SELECT max(at) FROM delivery_attempts WHERE delivery_id = NEW.id), now()), 'epoch'),
        'delivery', '', NEW.state, 1
    FROM webhooks WHERE webhooks.id = NEW.webhook_id;
    RETURN NULL;
END $$;
CREATE FUNCTION count_escalation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally_increments (mode, at, what, subject, outcome, count)
    SELECT NEW.mode, date_bin('1 minute', since, 'epoch'), 'escalation', '', status, 1
    FROM (VALUES ('requested', NEW.created_at), ('approved', NEW.decided_at),
        ('rejected', NEW.decided_at), ('completed', NEW.completed_at)) AS got (status, since)
    WHERE (status = NEW.status AND status IS DISTINCT FROM OLD.status)
        OR (status = 'requested' AND OLD IS NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER count_changed AFTER UPDATE ON tasks FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION count_task();
CREATE TRIGGER count_new AFTER INSERT ON delivery_attempts FOR EACH ROW
    EXECUTE FUNCTION count_attempt();
CREATE TRIGGER count_changed AFTER UPDATE ON deliveries FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('delivered', 'exhausted'))
    EXECUTE FUNCTION count_delivery();
CREATE TRIGGER count_new AFTER INSERT ON escalations FOR EACH ROW
    EXECUTE FUNCTION count_escalation();
CREATE TRIGGER count_changed AFTER UPDATE ON escalations FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION count_escalation();
"""
COUNTING_NEW_TASKS = """
CREATE TRIGGER count_new AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION count_task();
"""
ADDING_CALLS = """
CREATE FUNCTION add_call(one model_calls, sign int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    minute timestamptz := date_bin('1 minute', one.started_at, 'epoch');
    took numeric := one.latency_seconds;
    compared int := CASE WHEN one.accepted AND one.premium_usd IS NOT NULL THEN sign ELSE 0 END;
    not_compared int := CASE WHEN one.accepted AND one.premium_usd IS NULL THEN sign ELSE 0 END;
BEGIN
    INSERT INTO call_increments (mode, at, provider, model, role, tier, calls, cost, input_tokens,
        output_tokens, unpriced_calls, estimated_calls, estimated_cost, premium_only,
        not_compared_cost, not_compared, timed_calls, latency_seconds, within_500_ms, within_1_s,
        within_2500_ms, within_5_s, within_10_s, within_20_s, within_40_s, within_80_s,
        within_160_s, within_320_s)
    VALUES (one.mode, minute, one.provider, one.model, one.role, one.tier, sign,
        sign * coalesce(one.cost_usd, 0), sign * coalesce(one.input_tokens, 0),
        sign * coalesce(one.output_tokens, 0), sign * (one.unpriced IS NOT NULL)::int,
        sign * one.estimated::int,
        sign * CASE WHEN one.estimated THEN coalesce(one.cost_usd, 0) ELSE 0 END,
        compared * coalesce(one.premium_usd, 0), not_compared * coalesce(one.cost_usd, 0),
        not_compared, sign * (took IS NOT NULL)::int, sign * coalesce(took, 0),
        sign * coalesce(took <= 0.5, false)::int, sign * coalesce(took <= 1, false)::int,
        sign * coalesce(took <= 2.5, false)::int, sign * coalesce(took <= 5, false)::int,
        sign * coalesce(took <= 10, false)::int, sign * coalesce(took <= 20, false)::int,
        sign * coalesce(took <= 40, false)::int, sign * coalesce(took <= 80, false)::int,
        sign * coalesce(took <= 160, false)::int, sign * coalesce(took <= 320, false)::int);
    IF one.error_kind IS NOT NULL THEN
        INSERT INTO tally_increments (mode, at, what, subject, outcome, count)
        VALUES (one.mode, minute, 'call_error', one.provider || ':' || one.model, one.error_kind,
            sign);
    END IF;
END $$;
"""
COUNTING_CALLS = """
CREATE FUNCTION count_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'started' THEN PERFORM add_call(OLD, -1); END IF;
    IF NEW.state <> 'started' THEN PERFORM add_call(NEW, 1); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_new AFTER INSERT ON model_calls FOR EACH ROW
    WHEN (NEW.state <> 'started') EXECUTE FUNCTION count_call();
CREATE TRIGGER count_changed AFTER UPDATE ON model_calls FOR EACH ROW
    WHEN ((OLD.mode, OLD.started_at, OLD.provider, OLD.model, OLD.role, OLD.tier, OLD.state,
        OLD.cost_usd, OLD.input_tokens, OLD.output_tokens, OLD.unpriced, OLD.estimated,
        OLD.accepted, OLD.premium_usd, OLD.latency_seconds, OLD.error_kind)
        IS DISTINCT FROM (NEW.mode, NEW.started_at, NEW.provider, NEW.model, NEW.role, NEW.tier,
        NEW.state, NEW.cost_usd, NEW.input_tokens, NEW.output_tokens, NEW.unpriced, NEW.estimated,
        NEW.accepted, NEW.premium_usd, NEW.latency_seconds, NEW.error_kind))
    EXECUTE FUNCTION count_call();
"""

# What happened before there were sums. The triggers, made before it, keep every writer out until
# this transaction ends, so nothing is missed and nothing counted twice.
BEFORE = """
INSERT INTO task_increments (mode, at, type, was, became, count, escalated, seconds, least_seconds,
    most_seconds)
SELECT mode, date_bin('1 minute', changed_at, 'epoch') AS at, type, coalesce(was, '') AS was,
    became, count(*), count(*) FILTER (WHERE took IS NOT NULL AND escalated),
    coalesce(sum(took), 0), min(took), max(took)
FROM (
    SELECT tasks.mode, tasks.type, told.*, CASE WHEN told.completed_at IS NOT NULL THEN
        greatest(0, extract(epoch FROM told.completed_at - tasks.created_at)) END AS took
    FROM (
        SELECT task_id, created_at AS changed_at, data->>'state' AS became,
            lag(data->>'state') OVER (PARTITION BY task_id ORDER BY seq) AS was,
            (data->>'escalated')::boolean AS escalated,
            (data->>'completed_at')::timestamptz AS completed_at
        FROM events WHERE type LIKE 'task.%'
    ) AS told JOIN tasks ON tasks.id = told.task_id
    WHERE told.was IS DISTINCT FROM told.became
) AS changes GROUP BY 1, 2, 3, 4, 5;
SELECT count(add_call(model_calls, 1)) FROM model_calls WHERE state <> 'started';
INSERT INTO tally_increments (mode, at, what, subject, outcome, count)
SELECT webhooks.mode, date_bin('1 minute', tried.at, 'epoch'), 'attempt', '',
    CASE WHEN status_code BETWEEN 200 AND 299 THEN 'succeeded' ELSE 'failed' END, count(*)
FROM delivery_attempts AS tried JOIN deliveries ON deliveries.id = tried.delivery_id
    JOIN webhooks ON webhooks.id = deliveries.webhook_id GROUP BY 1, 2, 5;
INSERT INTO tally_increments (mode, at, what, subject, outcome, count)
SELECT webhooks.mode, date_bin('1 minute', coalesce(delivered_at,
        (SELECT max(at) FROM delivery_attempts WHERE delivery_id = deliveries.id), now()),
    'epoch'), 'delivery', '', state, count(*)
FROM deliveries JOIN webhooks ON webhooks.id = deliveries.webhook_id
WHERE state IN ('delivered', 'exhausted') GROUP BY 1, 2, 5;
INSERT INTO tally_increments (mode, at, what, subject, outcome, count)
SELECT mode, date_bin('1 minute', since, 'epoch'), 'escalation', '', got.status, count(*)
FROM escalations, LATERAL (VALUES ('requested', created_at),
    (CASE WHEN decided_at IS NULL THEN NULL WHEN escalations.status = 'rejected' THEN 'rejected'
        ELSE 'approved' END, decided_at), ('completed', completed_at)) AS got (status, since)
WHERE since IS NOT NULL GROUP BY 1, 2, 5;
"""


def upgrade() -> None:
    # ### commands auto generated by Alembic - please adjust! ###
    op.create_table('alerts',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('mode', sa.String(), nullable=True),
    sa.Column('data', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('raised_at', sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('resolved_at', sa.TIMESTAMP(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('alerts_open', 'alerts', ['key'], unique=True, postgresql_where=sa.text('resolved_at IS NULL'))
    op.create_table('call_increments',
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('at', sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('calls', sa.BigInteger(), nullable=False),
    sa.Column('cost', sa.Numeric(), nullable=False),
    sa.Column('input_tokens', sa.BigInteger(), nullable=False),
    sa.Column('output_tokens', sa.BigInteger(), nullable=False),
    sa.Column('unpriced_calls', sa.BigInteger(), nullable=False),
    sa.Column('estimated_calls', sa.BigInteger(), nullable=False),
    sa.Column('estimated_cost', sa.Numeric(), nullable=False),
    sa.Column('premium_only', sa.Numeric(), nullable=False),
    sa.Column('not_compared_cost', sa.Numeric(), nullable=False),
    sa.Column('not_compared', sa.BigInteger(), nullable=False),
    sa.Column('timed_calls', sa.BigInteger(), nullable=False),
    sa.Column('latency_seconds', sa.Numeric(), nullable=False),
    sa.Column('within_500_ms', sa.BigInteger(), nullable=False),
    sa.Column('within_1_s', sa.BigInteger(), nullable=False),
    sa.Column('within_2500_ms', sa.BigInteger(), nullable=False),
    sa.Column('within_5_s', sa.BigInteger(), nullable=False),
    sa.Column('within_10_s', sa.BigInteger(), nullable=False),
    sa.Column('within_20_s', sa.BigInteger(), nullable=False),
    sa.Column('within_40_s', sa.BigInteger(), nullable=False),
    sa.Column('within_80_s', sa.BigInteger(), nullable=False),
    sa.Column('within_160_s', sa.BigInteger(), nullable=False),
    sa.Column('within_320_s', sa.BigInteger(), nullable=False)
    )
    op.create_table('call_sums',
    sa.Column('span', sa.String(), nullable=False),
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('at', sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('calls', sa.BigInteger(), nullable=False),
    sa.Column('cost', sa.Numeric(), nullable=False),
    sa.Column('input_tokens', sa.BigInteger(), nullable=False),
    sa.Column('output_tokens', sa.BigInteger(), nullable=False),
    sa.Column('unpriced_calls', sa.BigInteger(), nullable=False),
    sa.Column('estimated_calls', sa.BigInteger(), nullable=False),
    sa.Column('estimated_cost', sa.Numeric(), nullable=False),
    sa.Column('premium_only', sa.Numeric(), nullable=False),
    sa.Column('not_compared_cost', sa.Numeric(), nullable=False),
    sa.Column('not_compared', sa.BigInteger(), nullable=False),
    sa.Column('timed_calls', sa.BigInteger(), nullable=False),
    sa.Column('latency_seconds', sa.Numeric(), nullable=False),
    sa.Column('within_500_ms', sa.BigInteger(), nullable=False),
    sa.Column('within_1_s', sa.BigInteger(), nullable=False),
    sa.Column('within_2500_ms', sa.BigInteger(), nullable=False),
    sa.Column('within_5_s', sa.BigInteger(), nullable=False),
    sa.Column('within_10_s', sa.BigInteger(), nullable=False),
    sa.Column('within_20_s', sa.BigInteger(), nullable=False),
    sa.Column('within_40_s', sa.BigInteger(), nullable=False),
    sa.Column('within_80_s', sa.BigInteger(), nullable=False),
    sa.Column('within_160_s', sa.BigInteger(), nullable=False),
    sa.Column('within_320_s', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('span', 'mode', 'at', 'provider', 'model', 'role', 'tier')
    )
    op.create_table('labelled_types',
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('mode', 'type')
    )
    op.create_table('queue_samples',
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('at', sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('waiting', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('mode', 'at')
    )
    op.create_table('tallies',
    sa.Column('span', sa.String(), nullable=False),
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('at', sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('what', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('span', 'mode', 'at', 'what', 'subject', 'outcome')
    )
    op.create_table('tally_increments',
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('at', sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('what', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False)
    )
    op.create_table('task_increments',
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('at', sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.Column('was', sa.String(), nullable=False),
    sa.Column('became', sa.String(), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.Column('escalated', sa.BigInteger(), nullable=False),
    sa.Column('seconds', sa.Numeric(), nullable=False),
    sa.Column('least_seconds', sa.Numeric(), nullable=True),
    sa.Column('most_seconds', sa.Numeric(), nullable=True)
    )
    op.create_table('task_sums',
    sa.Column('span', sa.String(), nullable=False),
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('at', sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.Column('was', sa.String(), nullable=False),
    sa.Column('became', sa.String(), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.Column('escalated', sa.BigInteger(), nullable=False),
    sa.Column('seconds', sa.Numeric(), nullable=False),
    sa.Column('least_seconds', sa.Numeric(), nullable=True),
    sa.Column('most_seconds', sa.Numeric(), nullable=True),
    sa.PrimaryKeyConstraint('span', 'mode', 'at', 'type', 'was', 'became')
    )
    op.execute(COUNTING)
    op.execute(COUNTING_NEW_TASKS)
    op.execute(ADDING_CALLS)
    op.execute(COUNTING_CALLS)
    op.execute(BEFORE)
    # ### end Alembic commands ###


def downgrade() -> None:
    # ### commands auto generated by Alembic - please adjust! ###
    for table in ("tasks", "model_calls", "escalations"):
        op.execute(f"DROP TRIGGER count_new ON {table}")
        op.execute(f"DROP TRIGGER count_changed ON {table}")
    op.execute("DROP TRIGGER count_new ON delivery_attempts")
    op.execute("DROP TRIGGER count_changed ON deliveries")
    for counts in ("task", "call", "attempt", "delivery", "escalation"):
        op.execute(f"DROP FUNCTION count_{counts}()")
    op.execute("DROP FUNCTION add_call(model_calls, int)")
    op.drop_table('task_sums')
    op.drop_table('task_increments')
    op.drop_table('tally_increments')
    op.drop_table('tallies')
    op.drop_table('queue_samples')
    op.drop_table('labelled_types')
    op.drop_table('call_sums')
    op.drop_table('call_increments')
    op.drop_index('alerts_open', table_name='alerts', postgresql_where=sa.text('resolved_at IS NULL'))
    op.drop_table('alerts')
    # ### end Alembic commands ###
