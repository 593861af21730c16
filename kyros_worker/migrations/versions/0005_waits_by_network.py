"""waits by network"""

from alembic import op
import sqlalchemy as sa


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # From where they came is not known of those that are there; each is over within a day.
    op.execute('DELETE FROM sign_in_failures')
    op.drop_constraint('sign_in_failures_pkey', 'sign_in_failures', type_='primary')
    op.add_column('sign_in_failures', sa.Column('network', sa.String(), nullable=False))
    op.create_primary_key('sign_in_failures_pkey', 'sign_in_failures', ['email_hash', 'network'])


def downgrade() -> None:
    op.execute('DELETE FROM sign_in_failures')
    op.drop_constraint('sign_in_failures_pkey', 'sign_in_failures', type_='primary')
    op.drop_column('sign_in_failures', 'network')
    op.create_primary_key('sign_in_failures_pkey', 'sign_in_failures', ['email_hash'])
