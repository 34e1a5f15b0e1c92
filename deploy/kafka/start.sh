#!/usr/bin/env bash
# Starts a local Apache Kafka broker for development and tests, in the foreground, on loopback only.
#
#   deploy/kafka/start.sh            Ctrl-C ends it; its data stay, and it goes on with them
#
# The first start has Maven bring the jars that pom.xml names, and formats the data folder. One
# node is broker and KRaft controller at once; one replica of everything: no broker for production.
#
#   CJO_BROKER_PORT              port of the broker                       9092
#   CJO_BROKER_CONTROLLER_PORT   port of its controller                   the broker's + 1
#   CJO_BROKER_DATA              its data folder                          .kafka/data
#   CJO_BROKER_PROPERTIES        a file of properties that go before ours none
#   CJO_BROKER_JARS              where the jars are kept                  .kafka/jars-<pom's digest>
#   CJO_BROKER_LOG               level of its log on stderr               error
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
port=${CJO_BROKER_PORT:-9092}
controller_port=${CJO_BROKER_CONTROLLER_PORT:-$((port + 1))}
data=${CJO_BROKER_DATA:-$root/.kafka/data}
jars=${CJO_BROKER_JARS:-$root/.kafka/jars-$(cksum <"$here/pom.xml" | cut -d' ' -f1)}
log_level=${CJO_BROKER_LOG:-error}

fail() {
  echo "error: $1" >&2
  exit 1
}

find_java() {
  java=${JAVA_HOME:+$JAVA_HOME/bin/}java
  command -v "$java" >/dev/null ||
    fail "the local broker needs Java 17 or later: install a JDK (Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME"
  local version
  version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
  [ "${version:-0}" -ge 17 ] ||
    fail "the local broker needs Java 17 or later, but $java is version ${version:-unknown}: set JAVA_HOME to a newer one"
}

bring_jars() {
  [ -d "$jars" ] && return
  command -v mvn >/dev/null ||
    fail "the broker's jars are brought by Maven: install it (Debian: apt-get install maven)"
  echo "bringing the broker's jars into $jars (once)" >&2
  mkdir -p "$(dirname "$jars")"
  local new
  new=$(mktemp -d "$jars.XXXXXX")
  mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$new" >&2 || {
    rm -rf "$new"
    fail "Maven could not bring the jars (its message is above): is there a network, or a mirror in ~/.m2/settings.xml?"
  }
  chmod 755 "$new"
  # Another start may have been first; its jars are the same.
  mv -T "$new" "$jars" 2>/dev/null || rm -rf "$new"
}

write_properties() {
  mkdir -p "$data"
  data=$(cd "$data" && pwd)
  cat >"$data/broker.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$data/log
auto.create.topics.enable=false
# One node has one replica of everything.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Small: this broker shares its machine with everything else.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
# After a kill -9 the controller takes the broker back only when its former session has ended.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
# A group of one member need not wait for others; tests end sessions sooner than production does.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
PROPERTIES
  # Of two lines for one property the last holds.
  [ -z "${CJO_BROKER_PROPERTIES:-}" ] || cat "$CJO_BROKER_PROPERTIES" >>"$data/broker.properties"
}

run() {
  exec "$java" -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel="${1:-4}" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel="$log_level" \
    -Dorg.slf4j.simpleLogger.showDateTime=true \
    -Dorg.slf4j.simpleLogger.dateTimeFormat="yyyy-MM-dd HH:mm:ss.SSS" \
    -cp "$jars/*" "${@:2}"
}

format() {
  [ -f "$data/log/meta.properties" ] && return
  (run 1 kafka.tools.StorageTool format --cluster-id "$(head -c 16 /dev/urandom | base64 |
    tr '+/' '_x' | tr -d '=')" --config "$data/broker.properties") >&2 ||
    fail "the data folder $data could not be formatted (the message is above)"
}

find_java
bring_jars
write_properties
format
echo "Kafka on 127.0.0.1:$port, data in $data" >&2
run 4 kafka.Kafka "$data/broker.properties"
