"""CloudEvents that workflows listen for, workflows that run others, schedules, snapshots, resources."""

from pgworker.store.migrations import run_frozen

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_frozen("0002.sql")
