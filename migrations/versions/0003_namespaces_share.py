"""Namespaces share the workers; checks of every invariant."""

from pgworker.store.migrations import run_frozen

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_frozen("0003.sql")
