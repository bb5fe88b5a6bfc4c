#!/bin/sh
# Assay beside tardis-dev, cryptofeed and ccxt on the same recorded messages: five
# interleaved rounds, one thread each, by processor time. Others' packages go into a
# temporary folder at the versions pinned here and are left behind there (FEED_BENCH_DIR
# names one to keep). What cannot be installed is left out, aloud.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
captures=${ASSAY_SHARED:?set ASSAY_SHARED to the folder that holds data/market/captures}/data/market/captures
rounds=${ROUNDS:-5}
ms=${MS:-300}
dir=${FEED_BENCH_DIR:-$(mktemp -d)}
mkdir -p "$dir/instruments"
[ -n "${FEED_BENCH_DIR:-}" ] || trap 'rm -rf "$dir"' EXIT
cp "$here"/*.mjs "$here"/package.json "$here"/*.py "$dir"

venue() {
	v=$(basename "$1" .jsonl.zst | tr 'A-Z' 'a-z' | tr -d '_.')
	case $v in gateio) v=gate ;; gateiofutures) v=gatefutures ;; huobi) v=htx ;; huobiswap) v=htxswap ;; esac
	echo "$v"
}

set --
for f in "$captures"/*.jsonl.zst; do
	case $f in *.normalized.*) continue ;; esac
	n=$(basename "$f")
	if "$top/bin/assay" normalize --venue "$(venue "$f")" --all "$f" >"$dir/all" 2>/dev/null; then
		grep '"type":"instrument"' "$dir/all" >"$dir/instruments/$n.instruments"
		set -- "$@" "$f"
	else
		echo "$n: Assay has no connector for it; left out"
	fi
done

node= python=
if command -v node >/dev/null && command -v npm >/dev/null && command -v zstd >/dev/null &&
	{ [ -d "$dir/node_modules/ccxt" ] || (cd "$dir" && npm install --no-package-lock --no-audit --no-fund >npm.log 2>&1); }; then
	node=yes
else
	echo "tardis-dev and ccxt are left out: node, npm, zstd or the registry is missing"
fi
if command -v python3 >/dev/null && command -v zstd >/dev/null && { [ -x "$dir/py/bin/cryptofeed-ok" ] || { python3 -m venv "$dir/py" && "$dir/py/bin/pip" install -q -r "$here/requirements.txt" >"$dir/pip.log" 2>&1 && touch "$dir/py/bin/cryptofeed-ok" && chmod +x "$dir/py/bin/cryptofeed-ok"; }; }; then
	python=yes
else
	echo "cryptofeed is left out: python3, zstd or the registry is missing"
fi

: >"$dir/rows.jsonl"
before=$(cut -d' ' -f1-3 /proc/loadavg 2>/dev/null)
for r in $(seq "$rounds"); do
	for f in "$@"; do
		echo "round $r $(basename "$f")" >&2
		GOMAXPROCS=1 "$top/bin/assay" bench -o jsonl --time "${ms}ms" "$f" 2>/dev/null | grep -v '"name":"all"' | sed 's/^{/{"with":"assay",/' >>"$dir/rows.jsonl"
		[ -z "$node" ] || (cd "$dir" && node tardis.mjs "$ms" "$f" 2>/dev/null && node ccxt.mjs "$ms" instruments "$f" 2>/dev/null) >>"$dir/rows.jsonl"
		[ -z "$python" ] || "$dir/py/bin/python" "$dir/cryptofeed_play.py" "$ms" "$f" 2>/dev/null >>"$dir/rows.jsonl"
	done
done
versions="Assay $("$top/bin/assay" version 2>/dev/null | head -1 | sed 's/^[Aa]ssay //'), tardis-dev 13.35.3, cryptofeed 2.4.1, ccxt 4.5.84; $(go version | cut -d' ' -f3), node $(node --version 2>/dev/null), $(python3 --version 2>/dev/null)"
machine="$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) processors"
python3 "$here/report.py" "$dir/rows.jsonl" "$top/docs/operate/performance.md" "$machine" "$versions" "$before before, $(cut -d' ' -f1-3 /proc/loadavg) after" "$rounds"
