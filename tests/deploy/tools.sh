#!/usr/bin/env bash
# Brings Helm (of its Go module) and kubernetes-validate into .tools, for tests/deploy/test_chart.py.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tools=$root/.tools
if [ ! -x "$tools/bin/helm" ]; then
  command -v go >/dev/null || { echo "error: Helm is built with Go 1.25 or later: install it" >&2; exit 1; }
  echo "building Helm (once)" >&2
  GOBIN=$tools/bin go install helm.sh/helm/v3/cmd/helm@v3.22.0
fi
if [ ! -x "$tools/validate/bin/kubernetes-validate" ]; then
  python3 -m venv "$tools/validate"
  "$tools/validate/bin/pip" install --quiet --disable-pip-version-check kubernetes-validate==1.37.0
fi
