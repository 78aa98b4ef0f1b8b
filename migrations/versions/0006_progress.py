"""Long activities tell how far they are."""

from pgworker.store.migrations import run_frozen

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_frozen("0006.sql")
