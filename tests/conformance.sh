#!/bin/sh
# Which places of a repository a scanner looks into: the table of docs/git-conformance.md, for any scanner.
#
#     KEYSCAN_CONFORMANCE=DIR cargo test --locked --test git_places --test git     makes the repositories, once
#     tests/conformance.sh DIR COMMAND...                                          runs COMMAND on each of them
#
# `{}` in COMMAND stands for the path of a repository. What it prints has to show secrets in full. For example
#
#     tests/conformance.sh DIR keyscan git --no-cache --submodules --show-secrets -f json {}
#     tests/conformance.sh DIR gitleaks git -v --no-banner {}
set -u

usage() {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0" >&2
    exit 2
}

[ $# -ge 2 ] || usage
folder=$1
shift
[ -f "$folder/places.tsv" ] || usage
printed=$(mktemp) || exit 2
trap 'rm -f "$printed"' EXIT

sort -u "$folder/places.tsv" | {
    last= found=0 all=0
    tab=$(printf '\t')
    while IFS=$tab read -r repo place secret; do
        if [ "$repo" != "$last" ]; then
            # The words of the command, with the path of the repository in them.
            command=
            for word in "$@"; do
                case $word in
                *'{}'*) word="${word%%'{}'*}$repo${word#*'{}'}" ;;
                esac
                command="$command '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"
            done
            eval "$command" >"$printed" 2>&1 </dev/null
            last=$repo
        fi
        all=$((all + 1))
        if grep -qF -e "$secret" "$printed"; then
            found=$((found + 1))
            state=found
        else
            state=MISSED
        fi
        printf '%s\t%s\n' "$state" "$place"
    done
    echo "$found of $all places"
}
