"""acts by their mode"""

from alembic import op


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('audit_entries_by_mode', 'audit_entries', ['mode', 'id'], unique=False)


def downgrade() -> None:
    op.drop_index('audit_entries_by_mode', table_name='audit_entries')
