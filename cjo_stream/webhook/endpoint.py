"""The endpoints of a file: one YAML document each, in the form of definitions."""

from __future__ import annotations

import ipaddress
import ssl
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from standardwebhooks.webhooks import Webhook

from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.compound import Field, Record
from cjo_stream.definition.grammar.item import Fields
from cjo_stream.definition.grammar.scalar import Choice, Duration, Number, Text
from cjo_stream.definition.grammar.word import NAMED, TEXT
from cjo_stream.definition.text.compose import compose
from cjo_stream.definition.text.folder import read_file
from cjo_stream.definition.text.node import Node, Scalar, position
from cjo_stream.definition.text.report import Report, quoted, unknown
from cjo_stream.errors import DefinitionError, UsageError
from cjo_stream.webhook.backlog import Limits
from cjo_stream.webhook.signature import read_secrets

ENDPOINTS_MAX: Final = 50
"""Of one file: each has series of its own of all metrics of webhooks, which alerts compare."""
TIMEOUT_MS: Final = 10_000
PARALLEL: Final = 8
PUBLIC, ANY = "public", "any"

ENDPOINT: Final = Record(
    "an endpoint",
    {
        "webhook": Field(NAMED, "The channel whose commands are posted.", is_required=True),
        "url": Field(
            Text(r"https?://[!-~]{1,2000}", "an address, as https://host/path"),
            "Where they are posted. `http://` needs `addresses: any`.",
            is_required=True,
        ),
        "secrets": Field(
            TEXT,
            "A file of secrets, `whsec_…`, one on a line. Each request is signed by all of them. "
            "The path begins at the folder of this file.",
            is_required=True,
        ),
        "timeout": Field(Duration(), "How long an answer may take. Default: 10s."),
        "parallel": Field(
            Number(1, 100, is_whole=True), f"Requests at one time, 1 to 100. Default: {PARALLEL}."
        ),
        "rate": Field(
            Number(0.001, 100_000), "Requests a second at most, of one process. Default: no limit."
        ),
        "give_up": Field(
            Duration(),
            "How long a command is tried, from its first attempt. Default: until it expires.",
        ),
        "addresses": Field(
            Choice((PUBLIC, ANY), "word"),
            "`public`: the host must have an address of the internet. `any`: it may be in your "
            "own network, or on this machine. Default: public.",
        ),
        "ca": Field(
            TEXT, "A PEM file of the certificates to trust. Default: those of the system."
        ),
    },
)


class Endpoint(msgspec.Struct, frozen=True):
    """Where the commands of a channel are posted."""

    channel: str
    url: str
    secrets: Sequence[Webhook]
    limits: Limits
    timeout_s: float
    is_public: bool
    """Whether its host must have a public address."""
    tls: ssl.SSLContext
    at: str
    """The place of its channel in the file, for messages."""


def read_endpoints(path: Path) -> list[Endpoint]:
    """Return the endpoints of a file.

    Raises UsageError if there is no file, or more than ENDPOINTS_MAX in it, and DefinitionError
    with all that is wrong in it.
    """
    if not path.is_file():
        raise UsageError(f"{path} is no file: name a file of endpoints, as docs/webhooks.md shows")
    report = Report()
    source = read_file(path, report)
    found: list[Endpoint] = []
    seen: dict[str, int] = {}
    for _, roots, faults in compose(source) if source is not None else ():
        for index, message in faults:
            report.error_at(source, index, Code.YAML, message)  # type: ignore[arg-type] # it is one
        for root in roots:
            if isinstance(root, Scalar) and root.value is None:
                continue
            before = report.errors
            item = ENDPOINT.read(root, report)
            if item is None or report.errors != before:
                continue
            endpoint = _endpoint(item.value, path.parent, report)
            line = position(root).line
            if seen.setdefault(endpoint.channel, line) != line:
                message = f"a second endpoint of {quoted(endpoint.channel)}: remove one"
                report.error(item.value.keys["webhook"], Code.REPEATED, message)
            found.append(endpoint)
    if source is not None and not found and not report.errors:
        report.error_at(source, 0, Code.EMPTY, "no endpoint: begin one with `webhook: CHANNEL`")
    if report.errors:
        raise DefinitionError(report.diagnostics())
    if len(found) > ENDPOINTS_MAX:
        raise UsageError(
            f"{path} has {len(found)} endpoints, and a process posts to at most {ENDPOINTS_MAX}: "
            "move some of them to another file, and run another `cjo-stream webhook` for that, "
            "with a CJO_SLOT of its own. Channels that share a topic stay in one file"
        )
    return found


def check_channels(endpoints: Sequence[Endpoint], channels: Sequence[str]) -> None:
    """Raise UsageError where an endpoint's channel is none of those that send commands."""
    for one in endpoints:
        if one.channel not in channels:
            _, message, _ = unknown("channel", one.channel, channels)
            raise UsageError(
                f"{one.at}: {message}. Name a channel with `out` of the topology in force"
            )


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet.

    >>> [is_public(one) for one in ("93.184.216.34", "10.1.2.3", "::ffff:127.0.0.1", "fd00::1")]
    [True, False, False, False]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    return ip.is_global and inner.is_global and not inner.is_multicast


def _endpoint(fields: Fields, folder: Path, report: Report) -> Endpoint:
    url, may_be_any = fields.value("url"), fields.value("addresses", PUBLIC) == ANY
    _check_url(url, fields.nodes["url"], report, may_be_any=may_be_any)
    return Endpoint(
        channel=fields.value("webhook"),
        url=url,
        secrets=_secrets(folder, fields, report),
        limits=Limits(
            parallel=fields.value("parallel", PARALLEL),
            rate=fields.value("rate"),
            give_up_ms=fields.value("give_up"),
        ),
        timeout_s=fields.value("timeout", TIMEOUT_MS) / 1000,
        is_public=not may_be_any,
        tls=_tls(folder, fields, report),
        at=str(position(fields.nodes["webhook"])),
    )


def _check_url(url: str, node: Node, report: Report, *, may_be_any: bool) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        report.error(node, Code.FORM, f"{quoted(url)} is no address: {error}")
        return
    if not host:
        report.error(node, Code.FORM, f"{quoted(url)} has no host")
    elif parts.username is not None or parts.password is not None:
        report.error(node, Code.FORM, "an address has no name or password: take them out")
    elif parts.scheme != "https" and not may_be_any:
        message = "anybody on the way could read it: write https://, or allow `addresses: any`"
        report.error(node, Code.TOGETHER, message)
    elif not may_be_any and _is_private(host):
        message = f"{quoted(host)} is no address of the internet: write `addresses: any`"
        report.error(node, Code.TOGETHER, message)


def _is_private(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return False  # a name, which is looked up for each connection


def _secrets(folder: Path, fields: Fields, report: Report) -> Sequence[Webhook]:
    path = folder / fields.value("secrets")
    try:
        return read_secrets(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or "no file"
    except UnicodeDecodeError:
        why = "it is no text"
    except ValueError as error:
        why = str(error)
    report.error(fields.nodes["secrets"], Code.FILE, f"{path}: {why}")
    return ()


def _tls(folder: Path, fields: Fields, report: Report) -> ssl.SSLContext:
    given: Any = fields.value("ca")
    try:
        return ssl.create_default_context(cafile=folder / given if given else None)
    except OSError as error:
        why = error.strerror or str(error)
        report.error(fields.nodes["ca"], Code.FILE, f"{folder / given} has no certificates: {why}")
        return ssl.create_default_context()
