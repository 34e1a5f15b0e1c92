#!/bin/sh
# plan.sh TOPOLOGY LIVE [CANDIDATE] [-- OPTION...]
#
# Says what the folder TOPOLOGY of a git repository changes between two commits or trees: `cjo-stream
# plan`, with its options and its exit code. Without CANDIDATE: the files as they are. A folder that
# LIVE does not have is only validated; of one that only LIVE has, nothing can be planned. A commit
# that there is not, or a folder that neither has, is an error: the exit code is 2.
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

has() { # has COMMIT: whether the topology is a folder of a commit
    [ "$(git cat-file -t "$1:$topology" 2>/dev/null)" = tree ]
}

extract() { # extract COMMIT NAME: the topology as it is in a commit
    mkdir "$folder/$2"
    git archive "$1" -- "$topology" | tar -x -C "$folder/$2"
}

for commit in "$live" ${candidate:+"$candidate"}; do
    if ! git cat-file -e "$commit^{tree}" 2>/dev/null; then
        echo "error: $commit is no commit of this clone: check its name, or fetch it" >&2
        exit 2
    fi
done
new=$topology
if [ -n "$candidate" ] && has "$candidate"; then
    extract "$candidate" candidate
    new=$folder/candidate/$topology
elif [ -n "$candidate" ] || [ ! -d "$topology" ]; then
    if ! has "$live"; then
        echo "error: there is no folder $topology, nor was there one in $live: check its name" >&2
        exit 2
    fi
    echo "$topology is removed; an installation where it is in force keeps it" >&2
    exit 0
fi
if has "$live"; then
    extract "$live" live
    cjo-stream plan "$folder/live/$topology" "$new" "$@"
else
    cjo-stream validate "$new"
fi
