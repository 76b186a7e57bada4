"""Sending messages: what is checked before, the writer stores."""

from dataclasses import dataclass
from typing import Any

from app.core.claims import Claims
from app.core.commands import SendMessage
from app.core.errors import FieldError, Invalid
from app.core.ids import NewId, require_id
from app.core.sending import Draft, Stored, fingerprint
from app.core.text import check_client_msg_id, check_data, check_message_text
from app.core.wire import encode
from app.services.writer import Writer


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """Bounds of one message: characters of text, bytes of `data` as JSON."""

    text_chars: int
    data_bytes: int


@dataclass(frozen=True, slots=True)
class Messages:
    """Takes messages of callers for channels that they are in."""

    writer: Writer
    limits: MessageLimits
    new_id: NewId

    async def send(self, claims: Claims, command: SendMessage) -> Stored:
        """Store a message and return it, with `duplicate` set where the same key had stored it before.

        It is committed when this returns. Raises `NotFound`, `Invalid`, `AppError` for a channel that takes none,
        `AppError("idempotency_key_reused")`, `Unavailable`.
        """
        return await self.writer.store(self._draft(claims, command))

    def _draft(self, claims: Claims, command: SendMessage) -> Draft:
        require_id(command.channel_id, "chn")
        text, data = self._content(command)
        return Draft(
            id=self.new_id("msg"),
            author_id=claims.subject,
            channel_id=command.channel_id,
            text=text,
            data=data,
            reply_to=command.reply_to,
            client_msg_id=check_client_msg_id(command.client_msg_id),
            fingerprint=fingerprint(command.channel_id, text, data, command.reply_to),
            channels=claims.channels,
        )

    def _content(self, command: SendMessage) -> tuple[str | None, dict[str, Any] | None]:
        text, data = command.text, command.data
        if text is None and data is None:
            raise Invalid(FieldError("text", "required"), code="message_empty")
        if text is not None:
            check_message_text(text, self.limits.text_chars)
        if data is not None:
            check_data(data, len(encode(data)), self.limits.data_bytes)
        return text, data
