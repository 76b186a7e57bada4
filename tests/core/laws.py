"""How laws are tried: the same examples at every run, no clock, and nothing kept between runs."""

from hypothesis import settings

law = settings(deadline=None, database=None, derandomize=True, max_examples=150)
