#!/usr/bin/env bash
# Starts a local schema registry (Apicurio) for development and tests, in the foreground, on
# loopback only.
#
#   deploy/registry/start.sh     Ctrl-C ends it; its schemas stay, and it goes on with them
#
# The first start has Maven bring the archive that pom.xml names, some 140 MB.
#
#   CJO_LOCAL_REGISTRY_PORT   its port                     8081
#   CJO_LOCAL_REGISTRY_DATA   its data folder              .registry/data
#   CJO_LOCAL_REGISTRY_APP    where the archive is kept    .registry/app-<pom's digest>
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
port=${CJO_LOCAL_REGISTRY_PORT:-8081}
data=${CJO_LOCAL_REGISTRY_DATA:-$root/.registry/data}
app=${CJO_LOCAL_REGISTRY_APP:-$root/.registry/app-$(cksum <"$here/pom.xml" | cut -d' ' -f1)}

fail() {
  echo "error: $1" >&2
  exit 1
}

find_java() {
  java=${JAVA_HOME:+$JAVA_HOME/bin/}java
  command -v "$java" >/dev/null ||
    fail "the local registry needs Java 17 or later: install a JDK (Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME"
}

bring_app() {
  [ -d "$app" ] && return
  command -v mvn >/dev/null ||
    fail "the registry is brought by Maven: install it (Debian: apt-get install maven)"
  echo "bringing the registry into $app (once)" >&2
  mkdir -p "$(dirname "$app")"
  local new
  new=$(mktemp -d "$app.XXXXXX")
  { mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$new" >&2 && tar -xzf "$new"/*.tar.gz -C "$new" && rm "$new"/*.tar.gz; } || {
    rm -rf "$new"
    fail "Maven could not bring the registry (its message is above): is there a network, or a mirror in ~/.m2/settings.xml?"
  }
  chmod 755 "$new"
  # Another start may have been first; its files are the same.
  mv -T "$new" "$app" 2>/dev/null || rm -rf "$new"
}

find_java
bring_app
mkdir -p "$data"
data=$(cd "$data" && pwd)
echo "schema registry on http://127.0.0.1:$port/apis/ccompat/v7" >&2
exec "$java" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
  -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" \
  -Dquarkus.datasource.jdbc.url="jdbc:h2:file:$data/schemas" \
  -jar "$app"/apicurio-registry-app-*-runner.jar
