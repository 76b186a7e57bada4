"""Values stay what they were made."""

import pytest

from tests.core.values import a_channel, a_fact, a_message, some_claims


@pytest.mark.parametrize("value", [a_channel(), a_fact(1), a_message(), some_claims()], ids=lambda v: type(v).__name__)
def test_a_value_cannot_be_changed(value: object) -> None:
    for name in value.__struct_fields__:  # type: ignore[attr-defined]  # every value here is a struct
        with pytest.raises(AttributeError):
            setattr(value, name, None)
