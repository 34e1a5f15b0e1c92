#!/usr/bin/env bash
# Installs Prometheus, Alertmanager and libfaketime where they are missing. No service of theirs is started.
set -euo pipefail
packages="prometheus prometheus-alertmanager faketime"
lacks() { ! command -v prometheus || ! { command -v prometheus-alertmanager || command -v alertmanager; } || ! command -v faketime; }
lacks >/dev/null || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "error: the drill needs Debian's packages $packages: sudo apt-get install --no-install-recommends $packages" >&2
  exit 1
fi
echo "installing $packages (once)" >&2
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $packages
if command -v systemctl >/dev/null; then
  systemctl disable --quiet prometheus prometheus-alertmanager || true
fi
