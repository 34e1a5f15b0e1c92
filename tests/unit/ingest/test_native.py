"""Fields that native events have beside those of their form, and which field each is meant as."""

from __future__ import annotations

import pytest

from cjo_stream.ingest.format.native import meant


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("atributes", "attributes"),
        ("Attributes", "attributes"),
        ("properties", "attributes"),
        ("eventId", "id"),
        ("message_id", "id"),
        ("identifier", "identifiers"),
        ("chanel", "channel"),
        ("attribution", None),
        ("identities", None),
        ("channel_type", None),
        ("tenant", None),
        ("x" * 1_000, None),
    ],
)
def test_a_field_is_meant_as_what_it_misspells_or_is_called_elsewhere(
    name: str, field: str | None
) -> None:
    assert meant(name) == field
