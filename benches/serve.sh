#!/usr/bin/env bash
# What the sidecar bears: small questions by the thousand, their times at half of that load, 10,000 silent connections,
# bodies of 100 MB, and memory over minutes. Needs wrk, curl, python3 and rustc, and a calm machine. Seconds are those of each
# load: with 300, the memory that is told behind the loads is that of minutes.
#
#     benches/serve.sh [BINARY] [SECONDS]
set -euo pipefail
keyscan=${1:-target/release/keyscan} seconds=${2:-10} port=7599
at=http://127.0.0.1:$port
folder=$(mktemp -d)
ulimit -n "$(ulimit -Hn)"
"$keyscan" serve -q --listen "127.0.0.1:$port" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$folder"' EXIT
until curl -sf "$at/healthz" >/dev/null; do sleep 0.1; done

memory() { awk '/VmRSS/ {printf "%d MiB", $2 / 1024}' "/proc/$server/status"; }
cpu() { awk '{print $14 + $15}' "/proc/$server/stat"; }

cat >"$folder/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"text":"The quick brown fox jumps over the lazy dog; set api_key in the settings, then run make deploy and look."}'
LUA
for path in guard redact scan; do
    before=$(cpu)
    echo "== /v1/$path, $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
    wrk -t1 -c32 -d"${seconds}s" --latency -s "$folder/post.lua" "$at/v1/$path" | grep -E '50%|99%|Requests/sec|Non-2xx' || true
    echo "   cpu $(( $(cpu) - before )) ticks of 10 ms, memory $(memory)"
done

rustc -O --edition 2024 -o "$folder/pace" "$(dirname "$0")/pace.rs"
for path in guard scan; do
    echo "== /v1/$path, 10,000 questions a second, each at its time"
    before=$(cpu)
    "$folder/pace" "127.0.0.1:$port" "/v1/$path" 10000 "$seconds" 16
    echo "   cpu $(( $(cpu) - before )) ticks of 10 ms, memory $(memory)"
done

echo "== 10,000 silent connections"
python3 - "$port" <<'PY'
import resource, socket, sys, time, urllib.request
resource.setrlimit(resource.RLIMIT_NOFILE, (min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
port, silent = int(sys.argv[1]), []
while len(silent) < 9_900:
    silent.append(socket.create_connection(("127.0.0.1", port)))
time.sleep(1)
start = time.perf_counter()
urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").read()
metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
open_now = [line for line in metrics.splitlines() if line.startswith("keyscan_connections ")]
print(f"   {open_now[0]}, an answer meanwhile in {(time.perf_counter() - start) * 1e3:.1f} ms")
PY
echo "   memory $(memory)"

echo "== four bodies of 100 MB at one time"
head -c 104857600 <(yes 'some words, a key = value; and a number 12345') >"$folder/large"
for _ in 1 2 3 4; do
    curl -s -o /dev/null -w '   %{http_code} in %{time_total} s\n' -H 'content-type: text/plain' -H 'expect:' \
        --data-binary "@$folder/large" "$at/v1/scan" &
done
wait $(jobs -p | grep -v "^$server$")
echo "   memory $(memory)"
