"""Workflows are carried from one database to another, and long activities tell how far they are."""

from pgworker.store.migrations import run_frozen

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_frozen("0005.sql")
