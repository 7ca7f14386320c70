#!/usr/bin/env bash
# What the history of repositories costs, beside what others take for it, in turn, and what a commit costs that is looked at by
# a hook. Needs git, python3 and GNU time, and an idle machine; noseyparker and kingfisher take part where they are installed.
#
#     benches/history.sh BINARY ROUNDS REPOSITORY...
#
# Fails when a secret is told without its commit although a commit leads to it.
set -euo pipefail
keyscan=$(realpath "$1") rounds=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Runs a command in silence; adds its seconds and its peak memory in KiB to the file of a name.
measure() {
    local name=$1 status=0
    shift
    /usr/bin/time -q -a -o "$folder/$name" -f '%e %M' "$@" >"$folder/out" 2>"$folder/err" || status=$?
    # 1 says that there are secrets, 2 that something is not there, and 200 and above are kingfisher's way to say the first.
    [[ $status -le 2 || $status -ge 200 ]] || { echo "$name ended with $status:" >&2; tail -5 "$folder/err" >&2; exit 1; }
}

others() {
    if command -v kingfisher >/dev/null; then
        measure kingfisher kingfisher scan "$1" --no-validate --no-update-check
    fi
    if command -v noseyparker >/dev/null; then
        rm -rf "$folder/store"
        measure noseyparker noseyparker scan --datastore "$folder/store" --progress never "$1"
    fi
    measure cat-file git -C "$1" cat-file --batch-all-objects --batch --unordered --buffer
}

for repository in "$@"; do
    rm -rf "$folder"/*
    echo "== $repository: $(git -C "$repository" rev-list --count --all) commits," \
        "$(git -C "$repository" count-objects -v | awk '/^in-pack/ {printf "%d objects, ", $2} /^size-pack/ {printf "%d MB of packs", $2 / 1000}')," \
        "$(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
    find "$(git -C "$repository" rev-parse --absolute-git-dir)/objects" -type f -exec cat {} + >/dev/null
    for _ in $(seq "$rounds"); do
        measure keyscan "$keyscan" git -q --no-cache "$repository"
        others "$repository"
        rm -rf "$folder/cache"
        measure first "$keyscan" git -q --cache-dir "$folder/cache" "$repository"
        measure second "$keyscan" git -q --cache-dir "$folder/cache" "$repository"
    done
    "$keyscan" git -q --no-cache --format json "$repository" >"$folder/report" 2>/dev/null || true
    python3 - "$folder" "$repository" <<'PY'
import json, os, pathlib, statistics, subprocess, sys
folder, repository = pathlib.Path(sys.argv[1]), sys.argv[2]

def runs(name):
    file = folder / name
    return [tuple(map(float, line.split())) for line in file.read_text().splitlines()] if file.exists() else []

def median(name):
    return statistics.median(run[0] for run in runs(name))

own, first = median("keyscan"), median("first")
for name in ["keyscan", "kingfisher", "noseyparker", "cat-file"]:
    if runs(name):
        memory = max(run[1] for run in runs(name)) / 1024
        print(f"   {name:12} {median(name):7.2f} s  {median(name) / own:6.2f} times  {memory:6.0f} MiB")
print(f"   again, with its cache: {median('second'):.3f} s, {median('second') / first:.1%} of the first run's {first:.2f} s")

report = json.loads((folder / "report").read_text())
findings = report["findings"]
with_commit = [f for f in findings if f.get("git", {}).get("commit")]
unreached = {f["path"][6:18] for f in findings if f["path"].startswith("<blob ")}
# Of those that are told without a commit, git has to know of none either.
reached = set()
if unreached:
    command = ["git", "-C", repository, "rev-list", "--all", "--objects", "--no-object-names"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    reached = unreached & {id[:12] for id in listed}
print(f"   {len(findings)} findings, {len(with_commit)} with their commits, {len(unreached)} objects that no commit leads to;"
      f" complete: {report['complete']}")
if reached:
    sys.exit(f"   told without a commit, though one leads to them: {', '.join(sorted(reached))}")
PY
done

echo "== a commit of 20 files among 10,000, its hook as a process, 100 times; load $(cut -d' ' -f1 /proc/loadavg)"
git init -q "$folder/staged"
cd "$folder/staged"
python3 - <<'PY'
import os, random
random.seed(1)
for number in range(10_000):
    path = f"d{number % 100}/e{number % 7}"
    os.makedirs(path, exist_ok=True)
    lines = (f"def f{line}(x): return {random.randrange(10**6)}" for line in range(60))
    open(f"{path}/f{number}.py", "w").write("\n".join(lines))
PY
git add -A
git -c user.name=a -c user.email=a@example.com commit -q -m all
git repack -adq
find . -name '*.py' | sort | sed -n 1,20p | while read -r file; do echo '# changed' >>"$file"; done
git add -A
"$keyscan" hook install pre-commit >/dev/null
python3 - <<'PY'
import subprocess, time
times = []
for _ in range(100):
    start = time.perf_counter()
    subprocess.run([".git/hooks/pre-commit"], check=True, capture_output=True)
    times.append((time.perf_counter() - start) * 1e3)
times.sort()
print(f"   {times[50]:.1f} ms at the median, {times[95]:.1f} ms at p95")
PY
