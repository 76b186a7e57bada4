"""Make the first tables: people and sessions, channels and members, messages and facts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "meta",
        sa.Column("key", Key, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    _create_people()
    _create_channels()
    _create_messages()


def downgrade() -> None:
    for table in ("facts", "messages", "members", "channels", "refresh_tokens", "sessions", "users", "meta"):
        op.drop_table(table)


def _create_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", Key, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("username_key", Key, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("display_key", Key, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("suspended_at", sa.BigInteger),
        sa.Column("tokens_valid_after", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("username_key", name="uq_users_username_key"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", Key, nullable=False),
        sa.Column("user_id", Key, nullable=False),
        sa.Column("device_name", sa.Text),
        sa.Column("ip", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("revoked_reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users"),
    )
    for column in ("user_id", "expires_at", "revoked_at"):
        op.create_index(f"ix_sessions_{column}", "sessions", [column])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("session_id", Key, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("spent_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("token_hash", name="pk_refresh_tokens"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_refresh_tokens_session_id_sessions", ondelete="CASCADE"
        ),
    )
    for column in ("session_id", "expires_at"):
        op.create_index(f"ix_refresh_tokens_{column}", "refresh_tokens", [column])


def _create_channels() -> None:
    op.create_table(
        "channels",
        sa.Column("id", Key, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", Key),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", Key, nullable=False),
        sa.Column("archived_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_channels"),
        sa.UniqueConstraint("name_key", name="uq_channels_name_key"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_channels_created_by_users"),
    )
    op.create_index("ix_channels_kind_name_key_id", "channels", ["kind", "name_key", "id"])
    op.create_table(
        "members",
        sa.Column("channel_id", Key, nullable=False),
        sa.Column("user_id", Key, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("joined_at", sa.BigInteger, nullable=False),
        sa.Column("last_read_seq", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("channel_id", "user_id", name="pk_members"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_members_channel_id_channels"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_members_user_id_users"),
    )
    op.create_index("ix_members_user_id_channel_id", "members", ["user_id", "channel_id"])


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", Key, nullable=False),
        sa.Column("channel_id", Key, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("author_id", Key, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("data", sa.Text),
        sa.Column("reply_to", sa.Text),
        sa.Column("client_msg_id", Key),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("edited_at", sa.BigInteger),
        sa.Column("deleted_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("channel_id", "seq", name="uq_messages_channel_id_seq"),
        sa.UniqueConstraint("author_id", "client_msg_id", name="uq_messages_author_id_client_msg_id"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_messages_channel_id_channels"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_messages_author_id_users"),
    )
    op.create_table(
        "facts",
        sa.Column("channel_id", Key, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "seq", name="pk_facts"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_facts_channel_id_channels"),
    )
