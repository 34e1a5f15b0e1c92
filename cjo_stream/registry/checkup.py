"""Whether the schema registry answers."""

from __future__ import annotations

from collections.abc import Iterator

from cjo_stream.errors import CjoError
from cjo_stream.installation.finding import Finding, ok, problem
from cjo_stream.registry.client import Client
from cjo_stream.settings import Settings


def checkup(settings: Settings) -> Iterator[Finding]:
    """Yield what is found where the settings name a registry, within seconds."""
    if settings.registry.url is None:
        return
    try:
        Client(settings).ping()
    except CjoError as error:
        yield problem("registry", "the schema registry does not answer as one", str(error))
    else:
        yield ok("registry", f"{settings.registry.url} answers")
