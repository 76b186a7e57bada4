"""Make room for invitations, codes that reset a password, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "invites",
        sa.Column("id", Key, nullable=False),
        sa.Column("code_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("created_by", Key, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("max_uses", sa.BigInteger, nullable=False),
        sa.Column("uses", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_invites"),
        sa.UniqueConstraint("code_hash", name="uq_invites_code_hash"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_invites_created_by_users"),
    )
    op.create_index("ix_invites_created_by_expires_at", "invites", ["created_by", "expires_at"])
    op.create_index("ix_invites_expires_at", "invites", ["expires_at"])
    op.create_table(
        "password_resets",
        sa.Column("user_id", Key, nullable=False),
        sa.Column("code_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_password_resets"),
        sa.UniqueConstraint("code_hash", name="uq_password_resets_code_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_password_resets_user_id_users"),
    )
    _create_audit()


def downgrade() -> None:
    for table in ("audit", "password_resets", "invites"):
        op.drop_table(table)


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", Key, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("action", Key, nullable=False),
        sa.Column("actor_id", Key),
        sa.Column("subject_id", Key),
        sa.Column("ip", sa.Text),
        sa.Column("session_id", sa.Text),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at_id", "audit", ["at", "id"])
    for column in ("action", "actor_id", "subject_id"):
        op.create_index(f"ix_audit_{column}_at_id", "audit", [column, "at", "id"])
