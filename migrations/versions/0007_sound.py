"""What is wrong is found more often, and who starts workflows may wait for them."""

from pgworker.store.migrations import run_frozen

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_frozen("0007.sql")
