"""Token-bucket arithmetic: how much may be asked for, and when more. Takes the time, reads no clock."""

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """A bucket that holds `burst` tokens and gains `per_s` of them each second."""

    per_s: float
    burst: float
    tokens: float
    at_s: float

    @classmethod
    def full(cls, per_s: float, burst: float, now_s: float) -> "Bucket":
        """Make a bucket that is full at `now_s`, in seconds of a monotonic clock."""
        return cls(per_s, burst, burst, now_s)

    def take(self, now_s: float) -> int:
        """Take one token and return 0, or return the milliseconds until there is one."""
        self.tokens = min(self.burst, self.tokens + (now_s - self.at_s) * self.per_s)
        self.at_s = now_s
        if self.tokens >= 1:
            self.tokens -= 1
            return 0
        return int((1 - self.tokens) / self.per_s * 1000) + 1
