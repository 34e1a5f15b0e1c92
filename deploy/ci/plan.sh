#!/bin/sh
# plan.sh TOPOLOGY LIVE [CANDIDATE] [-- OPTION...]
#
# Says what the folder TOPOLOGY of a git repository changes between two commits or trees: `cjo-stream
# plan`, with its options and its exit code. Without CANDIDATE: the files as they are. A folder that
# LIVE does not have is only validated.
set -eu
topology=${1%/} live=$2
shift 2
candidate=
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
    extract "$candidate" candidate
    new=$folder/candidate/$topology
fi
if git cat-file -e "$live:$topology" 2>/dev/null; then
    extract "$live" live
    cjo-stream plan "$folder/live/$topology" "$new" "$@"
else
    cjo-stream validate "$new"
fi
