#!/usr/bin/env bash
# Brings Helm (of its Go module), kubernetes-validate and and of npm the parser of AsyncAPI and
# TypeScript, into .tools.
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
if [ ! -d "$tools/node_modules/@asyncapi/parser" ] || [ ! -d "$tools/node_modules/typescript" ]; then
  if command -v npm >/dev/null; then
    npm install --silent --no-audit --no-fund --prefix "$tools" @asyncapi/parser@3.6.6 \
      typescript@5.9.3 kafkajs@2.2.4 lz4js@0.2.0 @types/node@20.19.43
  else
    echo "npm is not here: no AsyncAPI document is parsed, and no TypeScript is compiled" >&2
  fi
fi
