"""What others built on the schema is kept, and what went wrong for those who operate it goes right."""

from pgworker.store.migrations import run_frozen

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_frozen("0008.sql")
