#!/bin/sh
# Times TA-Lib's C and package indicator over the same bars on this machine and prints
# both; see README.md. Run it from the root of the module: make talib.
set -e
go=${GO:-go}
for tool in npm node gcc $go; do
	command -v $tool >/dev/null || { echo "$tool is missing: the comparison with TA-Lib is left out"; exit 0; }
done
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-bin/talib}
mkdir -p "$dir"
lib=$dir/node_modules/talib/src/lib
if [ ! -d "$lib" ]; then
	echo '{"private":true}' >"$dir/package.json"
	(cd "$dir" && npm install talib@2.0.5 --ignore-scripts --no-package-lock --no-audit --no-fund >/dev/null 2>&1) ||
		{ echo "talib 2.0.5 cannot be fetched: the comparison with TA-Lib is left out"; exit 0; }
fi
if [ ! -x "$dir/bench" ] || [ "$here/bench.c" -nt "$dir/bench" ]; then
	echo "building TA-Lib with gcc -O3 (once; a minute or so)"
	gcc -O3 -DNDEBUG -w -ffunction-sections -I"$lib/include" -I"$lib/src/ta_common" -I"$lib/src/ta_func" -Wl,--gc-sections \
		-o "$dir/bench" "$here/bench.c" "$lib"/src/ta_func/*.c "$lib"/src/ta_common/*.c -lm
fi
# In turns, because a processor's clock is not always the same.
: >"$dir/c.txt" >"$dir/go.txt"
for turn in 1 2 3 4 5; do
	"$dir/bench" >>"$dir/c.txt"
	$go test -run '^$' -bench Beside -benchtime 100ms ./insight/indicator >>"$dir/go.txt"
done
echo "least nanoseconds of a bar, in columns of 4,000 bars"
awk '
	FNR == NR { if (!($1 in c)) { order[++n] = $1; c[$1] = $2 } else if ($2 < c[$1]) c[$1] = $2; next }
	/^BenchmarkBeside/ {
		split($1, name, /[\/-]/)
		for (i = 2; i <= NF; i++) if ($i == "least-ns/bar" && (!(name[2] in g) || $(i-1) < g[name[2]])) g[name[2]] = $(i-1)
	}
	END {
		printf "%-8s %10s %10s %8s\n", "", "TA-Lib C", "Assay", "ratio"
		for (i = 1; i <= n; i++) printf "%-8s %10.2f %10.2f %8.2f\n", order[i], c[order[i]], g[order[i]], g[order[i]] / c[order[i]]
	}' "$dir/c.txt" "$dir/go.txt"
