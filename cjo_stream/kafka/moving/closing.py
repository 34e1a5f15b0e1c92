"""An installation is closed once its customer base lives elsewhere, so that nobody goes on twice.

None of its processes starts then. It can be opened again.
"""

from __future__ import annotations

import time

import msgspec

from cjo_stream.errors import UsageError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.definition.log import SHUT, DefinitionLog, Shut, read_definitions, shut_out
from cjo_stream.kafka.definition.writer import Writer
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings


def close(settings: Settings) -> None:
    """Keep all processes out; nothing is changed where that is so.

    Raises UsageError where nothing is applied, RefusalError while an import is under way.
    """
    with Writer(settings) as writer:
        log = _read(settings)
        if not log.pointer.number:
            raise UsageError("nothing is applied yet: there are no customers to keep out")
        if log.shut is None:
            shut = Shut(at=time.time_ns() // 1_000_000)
            writer.write({SHUT: msgspec.json.encode(shut)})


def reopen(settings: Settings) -> None:
    """Let processes start again; raises UsageError where the installation is not closed."""
    with Writer(settings) as writer:
        if _read(settings).shut is None:
            raise UsageError("this installation is not closed: start its processes")
        writer.write({SHUT: None})


def _read(settings: Settings) -> DefinitionLog:
    settings.require_tenant_key()
    name = Names(settings.topic_prefix).definition
    Admin(settings).require([name])
    log = read_definitions(settings, pointed=False, even_shut=True)
    if log.shut is not None and log.shut.export:
        raise shut_out(name, log.shut)
    return log
