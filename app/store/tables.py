"""The tables, their constraints and indexes, and how they are named. No statement lives here.

Instants are whole milliseconds since the Unix epoch in columns ending `_at`. Keys compare by bytes on both
databases, so an order or a cursor means the same on each.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is looked up or ordered by: compared byte by byte, whatever the language of the database."""


def _key(name: str, *constraints: Any, **options: Any) -> Column[str]:
    return Column(name, Key, *constraints, nullable=False, **options)


def _instant(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


users = Table(
    "users",
    metadata,
    _key("id", primary_key=True),
    Column("username", Text, nullable=False),
    _key("username_key"),
    Column("display_name", Text, nullable=False),
    _key("display_key"),
    Column("password_hash", Text),
    Column("roles", Text, nullable=False),
    _instant("created_at"),
    _instant("suspended_at", nullable=True),
    Column("tokens_valid_after", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("username_key"),
)

sessions = Table(
    "sessions",
    metadata,
    _key("id", primary_key=True),
    _key("user_id", ForeignKey("users.id")),
    Column("device_name", Text),
    Column("ip", Text, nullable=False),
    _instant("created_at"),
    _instant("last_seen_at"),
    _instant("expires_at"),
    _instant("revoked_at", nullable=True),
    Column("revoked_reason", Text),
    Index(None, "user_id"),
    Index(None, "expires_at"),
    Index(None, "revoked_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    _key("session_id", ForeignKey("sessions.id", ondelete="CASCADE")),
    _instant("created_at"),
    _instant("expires_at"),
    _instant("spent_at", nullable=True),
    Index(None, "session_id"),
    Index(None, "expires_at"),
)

external_identities = Table(
    "external_identities",
    metadata,
    _key("issuer"),
    _key("subject"),
    _key("user_id", ForeignKey("users.id")),
    _instant("created_at"),
    Column("stated_name", Text),
    Column("stated_roles", Text),
    Column("stated_at_s", BigInteger, nullable=False),
    PrimaryKeyConstraint("issuer", "subject"),
    Index(None, "user_id"),
)

channels = Table(
    "channels",
    metadata,
    _key("id", primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Key),
    Column("kind", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("last_seq", BigInteger, nullable=False, server_default=text("0")),
    _instant("created_at"),
    _key("created_by", ForeignKey("users.id")),
    _instant("archived_at", nullable=True),
    UniqueConstraint("name_key"),
    Index(None, "kind", "name_key", "id"),
)

members = Table(
    "members",
    metadata,
    _key("channel_id", ForeignKey("channels.id")),
    _key("user_id", ForeignKey("users.id")),
    Column("role", Text, nullable=False),
    _instant("joined_at"),
    Column("last_read_seq", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("channel_id", "user_id"),
    Index(None, "user_id", "channel_id"),
)

messages = Table(
    "messages",
    metadata,
    _key("id", primary_key=True),
    _key("channel_id", ForeignKey("channels.id")),
    Column("seq", BigInteger, nullable=False),
    _key("author_id", ForeignKey("users.id")),
    Column("text", Text),
    Column("data", Text),
    Column("reply_to", Text),
    Column("client_msg_id", Key),
    Column("fingerprint", LargeBinary(32), nullable=False),
    _instant("created_at"),
    _instant("edited_at", nullable=True),
    _instant("deleted_at", nullable=True),
    UniqueConstraint("channel_id", "seq"),
    UniqueConstraint("author_id", "client_msg_id"),
)

facts = Table(
    "facts",
    metadata,
    _key("channel_id", ForeignKey("channels.id")),
    Column("seq", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    PrimaryKeyConstraint("channel_id", "seq"),
)

invites = Table(
    "invites",
    metadata,
    _key("id", primary_key=True),
    Column("code_hash", LargeBinary(32), nullable=False),
    _key("created_by", ForeignKey("users.id")),
    _instant("created_at"),
    _instant("expires_at"),
    Column("max_uses", BigInteger, nullable=False),
    Column("uses", BigInteger, nullable=False, server_default=text("0")),
    _instant("revoked_at", nullable=True),
    UniqueConstraint("code_hash"),
    Index(None, "created_by", "expires_at"),
    Index(None, "expires_at"),
)

password_resets = Table(
    "password_resets",
    metadata,
    _key("user_id", ForeignKey("users.id"), primary_key=True),
    Column("code_hash", LargeBinary(32), nullable=False),
    _instant("created_at"),
    _instant("expires_at"),
    UniqueConstraint("code_hash"),
)

audit = Table(
    "audit",
    metadata,
    _key("id", primary_key=True),
    _instant("at"),
    _key("action"),
    Column("actor_id", Key),
    Column("subject_id", Key),
    Column("ip", Text),
    Column("session_id", Text),
    Column("details", Text, nullable=False),
    Index(None, "at", "id"),
    Index(None, "action", "at", "id"),
    Index(None, "actor_id", "at", "id"),
    Index(None, "subject_id", "at", "id"),
)

meta = Table(
    "meta",
    metadata,
    _key("key", primary_key=True),
    Column("value", Text, nullable=False),
)
