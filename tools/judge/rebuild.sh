#!/usr/bin/env bash
# Rebuilds patterns/trigrams.txt and patterns/judge.txt from the packages of sources.tsv, which it fetches with the
# ordinary clients of their registries (cargo, npm, pip). The same packages give the same files.
# usage: tools/judge/rebuild.sh [FOLDER]   where the packages are kept; some 3 GB, by default in a temporary folder
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${1:-}
if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"/{corpus/crates,corpus/npm,corpus/pypi,npm,pypi,crates/src}
work=$(cd "$work" && pwd)
of() { grep -v '^#' "$here/sources.tsv" | awk -F '\t' -v registry="$1" '$1 == registry { print $2 "\t" $3 }'; }

# One package that depends on them all: what cargo vendors with them is left where it is.
{
    printf '[package]\nname = "corpus"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\n'
    of crates | awk -F '\t' '{ print $1 " = { version = \"=" $2 "\", default-features = false }" }'
    printf '[workspace]\n'
} >"$work/crates/Cargo.toml"
: >"$work/crates/src/lib.rs"
of crates | while IFS=$'\t' read -r name version; do
    [ -d "$work/corpus/crates/$name-$version" ] || { echo missing; break; }
done | grep -q missing && (cd "$work/crates" && cargo vendor -q --versioned-dirs vendor >/dev/null)
of crates | while IFS=$'\t' read -r name version; do
    [ -d "$work/corpus/crates/$name-$version" ] || cp -r "$work/crates/vendor/$name-$version" "$work/corpus/crates/"
done

of npm | while IFS=$'\t' read -r name version; do
    plain=${name#@}
    file=${plain//\//-}-$version
    [ -d "$work/corpus/npm/$file" ] && continue
    (cd "$work/npm" && npm pack --silent "$name@$version" >/dev/null)
    mkdir "$work/corpus/npm/$file"
    tar -xzf "$work/npm/$file.tgz" -C "$work/corpus/npm/$file"
done

of pypi | while IFS=$'\t' read -r name version; do
    folder=$work/corpus/pypi/$(tr 'A-Z-' 'a-z_' <<<"$name")-$version
    [ -d "$folder" ] && continue
    mkdir -p "$work/pypi/$name"
    pip download -q --no-deps --only-binary :all: --python-version 3.11 --implementation cp \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform any \
        -d "$work/pypi/$name" "$name==$version"
    python3 -m zipfile -e "$work/pypi/$name"/*.whl "$folder"
done

# The table first: features are made with it.
cd "$root"
judge() { cargo run -q --release --locked --manifest-path tools/judge/Cargo.toml -- "$@"; }
judge trigrams "$work/corpus" >"$work/trigrams.txt"
cp "$work/trigrams.txt" patterns/trigrams.txt
judge weights "$work/corpus" >"$work/judge.txt"
cp "$work/judge.txt" patterns/judge.txt
