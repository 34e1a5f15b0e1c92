"""What is not known because a kind of records is switched off, said on stderr."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cjo_stream.cli.terminal import note

if TYPE_CHECKING:
    from cjo_stream.installation.unrecorded import Switched


def note_unrecorded(sets: Iterable[Switched], *kinds: str) -> None:
    """Say which records of some kinds were not made; without kinds, of all."""
    from cjo_stream.installation.unrecorded import UNKNOWN, unrecorded

    for sentence in unrecorded(sets, kinds or tuple(UNKNOWN)):
        note(sentence)
