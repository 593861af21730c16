"""counting by statement"""

from importlib import import_module

from alembic import op


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

# A statement writes many calls, or many new tasks, at a time: they are counted together, in one
# increment of each kind, where each row had cost a call of a function and an increment of its own.
# A task's changes stay by the row, whose trigger's condition spares most of its updates.
NEW_TASKS = """
CREATE FUNCTION count_new_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO task_increments (mode, at, type, was, became, count, escalated, seconds,
        least_seconds, most_seconds)
    SELECT mode, date_bin('1 minute', updated_at, 'epoch'), type, '', state, count(*),
        count(took) FILTER (WHERE escalated), coalesce(sum(took), 0), min(took), max(took)
    FROM (
        SELECT added.*, CASE WHEN state IN ('completed', 'failed', 'cancelled')
            THEN greatest(0, extract(epoch FROM completed_at - created_at)) END AS took
        FROM added
    ) AS one GROUP BY 1, 2, 3, 5;
    RETURN NULL;
END $$;
CREATE TRIGGER count_new AFTER INSERT ON tasks REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_tasks();
"""
# What `sign` times the calls among these rows count at.
COUNTED = """
    INSERT INTO call_increments (mode, at, provider, model, role, tier, calls, cost, input_tokens,
        output_tokens, unpriced_calls, estimated_calls, estimated_cost, premium_only,
        not_compared_cost, not_compared, timed_calls, latency_seconds, within_500_ms, within_1_s,
        within_2500_ms, within_5_s, within_10_s, within_20_s, within_40_s, within_80_s,
        within_160_s, within_320_s)
    SELECT mode, date_bin('1 minute', started_at, 'epoch'), provider, model, role, tier,
        {sign} * count(*), {sign} * coalesce(sum(cost_usd), 0),
        {sign} * coalesce(sum(input_tokens), 0), {sign} * coalesce(sum(output_tokens), 0),
        {sign} * count(unpriced), {sign} * count(*) FILTER (WHERE estimated),
        {sign} * coalesce(sum(cost_usd) FILTER (WHERE estimated), 0),
        {sign} * coalesce(sum(premium_usd) FILTER (WHERE accepted), 0),
        {sign} * coalesce(sum(cost_usd) FILTER (WHERE accepted AND premium_usd IS NULL), 0),
        {sign} * count(*) FILTER (WHERE accepted AND premium_usd IS NULL),
        {sign} * count(latency_seconds), {sign} * coalesce(sum(latency_seconds::numeric), 0),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 0.5),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 1),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 2.5),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 5),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 10),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 20),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 40),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 80),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 160),
        {sign} * count(*) FILTER (WHERE latency_seconds <= 320)
    FROM {rows} WHERE state <> 'started' GROUP BY 1, 2, 3, 4, 5, 6;
    INSERT INTO tally_increments (mode, at, what, subject, outcome, count)
    SELECT mode, date_bin('1 minute', started_at, 'epoch'), 'call_error',
        provider || ':' || model, error_kind, {sign} * count(*)
    FROM {rows} WHERE state <> 'started' AND error_kind IS NOT NULL GROUP BY 1, 2, 4, 5;
"""
CALLS = f"""
CREATE FUNCTION count_new_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added WHERE state <> 'started') THEN
        {COUNTED.format(sign=1, rows='added')}
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION count_changed_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM before WHERE state <> 'started') THEN
        {COUNTED.format(sign=-1, rows='before')}
    END IF;
    IF EXISTS (SELECT FROM changed) THEN
        {COUNTED.format(sign=1, rows='changed')}
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_new AFTER INSERT ON model_calls REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_calls();
CREATE TRIGGER count_changed AFTER UPDATE ON model_calls
    REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_calls();
"""  # nosec B608 - of this file's own words


def upgrade() -> None:
    op.execute('DROP TRIGGER count_new ON tasks')
    op.execute('DROP TRIGGER count_new ON model_calls')
    op.execute('DROP TRIGGER count_changed ON model_calls')
    op.execute('DROP FUNCTION count_call()')
    op.execute('DROP FUNCTION add_call(model_calls, int)')
    op.execute(NEW_TASKS)
    op.execute(CALLS)


def downgrade() -> None:
    op.execute('DROP TRIGGER count_new ON tasks')
    op.execute('DROP TRIGGER count_new ON model_calls')
    op.execute('DROP TRIGGER count_changed ON model_calls')
    op.execute('DROP FUNCTION count_new_tasks()')
    op.execute('DROP FUNCTION count_new_calls()')
    op.execute('DROP FUNCTION count_changed_calls()')
    by_row = import_module('kyros_worker.migrations.versions.0003_sums_and_alerts')
    op.execute(by_row.COUNTING_NEW_TASKS)
    op.execute(by_row.ADDING_CALLS)
    op.execute(by_row.COUNTING_CALLS)
