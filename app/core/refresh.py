"""What presenting a refresh token means (RFC 9700, 4.14.2). A pure decision; the shell acts on it."""

from typing import Literal

REUSE_WINDOW_MS = 10_000
"""Two tabs, or a retry after a lost answer, present a spent token honestly for so long."""

Verdict = Literal["rotate", "again", "reuse", "dead"]


def judge(*, now_ms: int, expires_at_ms: int, spent_at_ms: int | None, session_lives: bool) -> Verdict:
    """Decide on a known refresh token.

    `rotate`: fresh, exchange it. `again`: spent a moment ago, hand out the same successor. `reuse`: spent before
    that, so two parties hold it and the whole family ends. `dead`: over, or its session ended.
    """
    if not session_lives:
        return "dead"
    if spent_at_ms is not None:
        return "again" if now_ms - spent_at_ms <= REUSE_WINDOW_MS else "reuse"
    return "dead" if now_ms >= expires_at_ms else "rotate"
