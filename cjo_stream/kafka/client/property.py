"""librdkafka's properties: their names, and clients made with them.

An operator may set an unknown property, or a wrong value. librdkafka itself decides; the list of
names here only serves to suggest the nearest one for an unknown name.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer

from cjo_stream.core.likeness import nearest
from cjo_stream.errors import UsageError
from cjo_stream.settings import Settings

_Client = TypeVar("_Client")

_WRITTEN: Final = """
acks allow.auto.create.topics api.version.fallback.ms api.version.request
api.version.request.timeout.ms auto.commit.enable auto.commit.interval.ms auto.offset.reset
batch.num.messages batch.size bootstrap.servers broker.address.family broker.address.ttl
broker.version.fallback builtin.features check.crcs client.dns.lookup client.id client.rack
client.software.name client.software.version compression.codec compression.level compression.type
connections.max.idle.ms consume.callback.max.messages coordinator.query.interval.ms debug
delivery.report.only.error delivery.timeout.ms enable.auto.commit enable.auto.offset.store
enable.gapless.guarantee enable.idempotence enable.metrics.push enable.partition.eof
enable.random.seed enable.sasl.oauthbearer.unsecure.jwt enable.sparse.connections
enable.ssl.certificate.verification fetch.error.backoff.ms fetch.max.bytes
fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms fetch.wait.max.ms group.id
group.instance.id group.protocol group.protocol.type group.remote.assignor heartbeat.interval.ms
https.ca.location https.ca.pem internal.termination.signal isolation.level linger.ms
log.connection.close log.queue log.thread.name log_level max.in.flight
max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms
max.poll.records message.copy.max.bytes message.max.bytes message.send.max.retries
message.timeout.ms metadata.broker.list metadata.max.age.ms
metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metadata.request.timeout.ms
offset.store.method offset.store.path offset.store.sync.interval.ms partition.assignment.strategy
partitioner plugin.library.paths produce.offset.report queue.buffering.backpressure.threshold
queue.buffering.max.kbytes queue.buffering.max.messages queue.buffering.max.ms
queued.max.messages.kbytes queued.min.messages queuing.strategy receive.message.max.bytes
reconnect.backoff.jitter.ms reconnect.backoff.max.ms reconnect.backoff.ms request.required.acks
request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms sasl.jaas.config
sasl.kerberos.keytab sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin
sasl.kerberos.principal sasl.kerberos.service.name sasl.mechanism sasl.mechanisms
sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
sasl.oauthbearer.assertion.jwt.template.file sasl.oauthbearer.assertion.private.key.file
sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.private.key.pem
sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret
sasl.oauthbearer.client.id sasl.oauthbearer.client.secret sasl.oauthbearer.config
sasl.oauthbearer.extensions sasl.oauthbearer.grant.type
sasl.oauthbearer.metadata.authentication.type sasl.oauthbearer.method sasl.oauthbearer.scope
sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url sasl.password sasl.username
security.protocol session.timeout.ms share.acknowledgement.mode socket.blocking.max.ms
socket.connection.setup.timeout.ms socket.keepalive.enable socket.max.fails socket.nagle.disable
socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms ssl.ca.certificate.stores
ssl.ca.location ssl.ca.pem ssl.certificate.location ssl.certificate.pem ssl.cipher.suites
ssl.crl.location ssl.curves.list ssl.endpoint.identification.algorithm ssl.engine.id
ssl.engine.location ssl.key.location ssl.key.password ssl.key.pem ssl.keystore.location
ssl.keystore.password ssl.providers ssl.sigalgs.list ssl.truststore.location
statistics.interval.ms sticky.partitioning.linger.ms topic.blacklist
topic.metadata.propagation.max.ms topic.metadata.refresh.fast.cnt
topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms
topic.metadata.refresh.sparse transaction.timeout.ms transactional.id
"""
NAMES: Final = frozenset(_WRITTEN.split())
"""The properties of librdkafka 2.16."""
_OF_PYTHON: Final = frozenset({"default.topic.config", "logger"})
"""Properties of confluent-kafka whose values are objects: no text can set them."""
_PORT: Final = 9092
"""Where librdkafka looks for a server without a port."""
_NONE_SUCH: Final = "No such configuration property"


def connect(make: Callable[..., _Client], properties: Mapping[str, Any], **own: Any) -> _Client:
    """Return the client that `make` makes; raises UsageError for wrong properties."""
    for name in properties:
        if name in _OF_PYTHON:
            raise _no_property(name)
    try:
        return make({**properties}, **own)
    except KafkaException as error:
        refused: KafkaError = error.args[0]
        why = " ".join(refused.str().split())
        if refused.code() != KafkaError._INVALID_ARG:
            raise
        if why.startswith(_NONE_SUCH):
            raise _no_property(why.split('"')[1]) from None
    except TypeError as error:
        why = str(error)
    raise UsageError(
        f"librdkafka refuses its properties: {why}; set another value (CJO_KAFKA__NAME, or "
        "[kafka] in the settings file)"
    )


def check_names(properties: Mapping[str, str]) -> None:
    """Raise UsageError if one of the properties is not librdkafka's.

    A later librdkafka may have more than NAMES, so it is asked about names that are not there.
    """
    unknown = {name: value for name, value in properties.items() if name not in NAMES}
    if unknown:
        connect(Producer, unknown)


def _no_property(name: str) -> UsageError:
    near = nearest(name, NAMES)
    meant = f"did you mean {near} ({_variable(near)})?" if near else "see its documentation"
    return UsageError(f"librdkafka has no property {name} ({_variable(name)}); {meant}")


def _variable(name: str) -> str:
    return f"CJO_KAFKA__{name.upper().replace('.', '_')}"


def check_address(settings: Settings) -> None:
    """Raise UsageError if no host of `bootstrap.servers` is known: waiting would not help."""
    hosts = [parted(s)[0] for s in settings.kafka_properties()["bootstrap.servers"].split(",")]
    if not any(map(_may_be_known, hosts)):
        raise UsageError(
            f"no broker can be found: the host {', '.join(hosts)} is not known; set "
            "CJO_KAFKA__BOOTSTRAP_SERVERS to host:port of one"
        )


def parted(server: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `[address]:port` or `protocol://host:port`."""
    named = server.strip().rpartition("://")[2]
    host, colon, port = named.rpartition(":")
    is_whole = bool(colon and port.isdigit())
    return (host if is_whole else named).strip("[]"), int(port) if is_whole else _PORT


def _may_be_known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror as error:
        # A name server that does not answer now may know the host later.
        return error.errno != socket.EAI_NONAME
    except UnicodeError:
        return False
    return True
