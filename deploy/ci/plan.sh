#!/bin/sh
# plan.sh TOPOLOGY LIVE [CANDIDATE] [-- OPTION...]
#
# Says what the folder TOPOLOGY of a git repository changes between two commits or trees: `cjo-stream
# plan`, with its options and its exit code. Without CANDIDATE: the files as they are. A folder that
# LIVE does not have is only validated; of one that only LIVE has, nothing can be planned.
set -eu
topology=${1%/} live=$2
shift 2
candidate= is_gone=
if [ $# -gt 0 ] && [ "$1" != -- ]; then
    candidate=$1
    shift
fi
[ "${1:-}" != -- ] || shift
cd "$(git rev-parse --show-toplevel)"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

extract() { # extract COMMIT NAME: the topology as it is in a commit
    mkdir "$folder/$2"
    git archive "$1" -- "$topology" | tar -x -C "$folder/$2"
}

new=$topology
if [ -n "$candidate" ]; then
    git cat-file -e "$candidate:$topology" 2>/dev/null || is_gone=1
else
    [ -d "$topology" ] || is_gone=1
fi
if [ -n "$is_gone" ]; then
    echo "$topology is removed: there is nothing to plan; where it is in force, it stays so" >&2
    exit 0
fi
if [ -n "$candidate" ]; then
    extract "$candidate" candidate
    new=$folder/candidate/$topology
fi
if git cat-file -e "$live:$topology" 2>/dev/null; then
    extract "$live" live
    cjo-stream plan "$folder/live/$topology" "$new" "$@"
else
    cjo-stream validate "$new"
fi
