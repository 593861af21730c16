"""acts by their names"""

from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('audit_entries_by_action', 'audit_entries', ['action', 'id'], unique=False)


def downgrade() -> None:
    op.drop_index('audit_entries_by_action', table_name='audit_entries')
