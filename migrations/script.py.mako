"""${message}"""

from pgworker.store.migrations import run_frozen

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_frozen("${up_revision}.sql")
