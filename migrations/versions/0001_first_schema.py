"""The first schema: definitions, workflows, events, jobs and workers, with their functions and views."""

from pgworker.store.migrations import run_frozen

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_frozen("0001.sql")
