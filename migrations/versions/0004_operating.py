"""Lists of workflows and failures have indexes of their own."""

from pgworker.store.migrations import run_frozen

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_frozen("0004.sql")
