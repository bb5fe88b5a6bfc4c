# What can be done here; `make` prints it. Everything needs Go only: no C compiler.
export CGO_ENABLED ?= 0
GO ?= go
BIN := bin/assay
# Recorded exchange sessions, if there are any beside the module; see docs/semantics.md.
ASSAY_SHARED ?= $(wildcard ../shared)

.PHONY: help demo build test logscan check lint race sim fuzz golden gen bench timing tardis talib bench-feed scale postgres rotation rotation-short clients promtool

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## see it work: simulated exchanges on this machine, no network
	@$(BIN) demo

build: ## build bin/assay
	@echo "building $(BIN) (a first build compiles the stores too, which takes a minute or two)"
	@$(GO) build -trimpath -o $(BIN) ./cmd/assay

test: check postgres ## everything that CI runs
	@out=$$(mktemp); { $(GO) test -timeout 20m ./... 2>&1; echo $$? >$$out.code; } | tee $$out; \
	$(GO) run ./cmd/logscan $$out; leak=$$?; code=$$(cat $$out.code); rm -f $$out $$out.code; [ $$leak = 0 ] && exit $$code
	@$(MAKE) --no-print-directory rotation-short
	@$(MAKE) --no-print-directory clients

logscan: ## the access tests with all that they print, in which there must be no secret
	@out=$$(mktemp); $(GO) test -v ./access/... ./api/... ./app ./notify/... ./cmd/assay >$$out 2>&1; code=$$?; $(GO) run ./cmd/logscan $$out || code=1; rm -f $$out; exit $$code

postgres: ## install PostgreSQL for the tests that start one, where that can be done
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -qy postgresql >/dev/null; \
	else echo "no PostgreSQL here: the tests that need one are skipped (apt-get install postgresql)"; fi

check: ## formatting, vet, lint and generated files
	@bad=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go')); if [ -n "$$bad" ]; then echo "not formatted: $$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@$(GO) run ./cmd/assay config doc | diff -u docs/reference/config.md - || { echo "docs/reference/config.md is out of date: make gen"; exit 1; }

lint: ## staticcheck; staticcheck.conf has a reason for each exception
	$(GO) tool staticcheck ./...

race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -timeout 30m ./...

sim: ## bad days at every emulated exchange: SEEDS=100 MINUTES=30 of virtual time
	ASSAY_SIM_SEEDS=$(or $(SEEDS),100) ASSAY_SIM_MINUTES=$(or $(MINUTES),30) $(GO) test ./market/feed -run 'TestBadDays|TestEveryFault' -count=1 -timeout 4h -v | grep -v '^=== '

rotation: ## the headline run: 3 servers, 200 clients, 1,000 rotations, kills and partitions (about 10 minutes)
	$(GO) run ./cmd/rotation

rotation-short: postgres ## the same in under 50 seconds; part of make test
	@$(GO) build -o bin/rotation ./cmd/rotation
	@bin/rotation -short; code=$$?; if [ $$code = 2 ]; then echo "rotation-short is left out: it cannot run here"; elif [ $$code != 0 ]; then exit 1; fi

clients: promtool ## others' clients, unmodified, against the compatible faces and MCP; left out aloud where npm, pip or their registries are not
	@mkdir -p bin; PATH="$(CURDIR)/bin:$$PATH" ASSAY_TEST_CLIENTS=1 $(GO) test ./app ./api/compat/tokenmetrics ./api/compat/prometheus -run 'Clients|Official|Promtool' -count=1 -v -timeout 10m >bin/clients.log 2>&1; code=$$?; grep -E '^ *--- |NOT TESTED|not tested|skip' bin/clients.log; [ $$code = 0 ] || cat bin/clients.log; exit $$code

promtool: ## take promtool out of its package for the test of the Prometheus face, where that can be done
	@if command -v promtool >/dev/null || [ -x bin/promtool ]; then :; \
	elif command -v apt-get >/dev/null && command -v dpkg >/dev/null; then mkdir -p bin/promtool.deb && cd bin/promtool.deb && { apt-get download -q prometheus >/dev/null 2>&1 || { apt-get update -q >/dev/null 2>&1; apt-get download -q prometheus >/dev/null 2>&1; }; } && \
		dpkg -x prometheus_*.deb . && mv usr/bin/promtool ..; cd ..; rm -rf promtool.deb; \
	else echo "no promtool here: its test is skipped"; fi

fuzz: ## each fuzzer for FUZZTIME (10s)
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do echo "$$p $$f"; $(GO) test $$p -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),10s) || exit 1; done; done

golden: ## rewrite golden files after a deliberate change; read the diff
	$(GO) test ./market/venue/... ./api/... ./store/dump/... -update

gen: ## regenerate what is generated
	$(GO) run ./cmd/assay config doc > docs/reference/config.md
	$(GO) run ./cmd/assay indicator doc docs/insight/indicators
	$(GO) run ./cmd/assay risk doc docs/insight/risk
	$(GO) run ./cmd/assay grade doc docs/insight/grades
	$(GO) run ./cmd/assay venues doc docs/venues

bench: build ## hot paths beside what a user would pick instead
	$(GO) test -run '^$$' -bench . -benchmem ./internal/scan ./money ./market/... ./bus ./access/gate ./api ./api/stream ./store/pebble
	$(GO) test -run '^$$' -bench . -benchtime 20ms ./insight/indicator
	@if [ -n "$(ASSAY_SHARED)" ]; then $(BIN) bench $(ASSAY_SHARED)/data/market/captures/*.jsonl.zst; $(MAKE) --no-print-directory tardis; else echo "no recorded sessions: set ASSAY_SHARED for the throughput of normalizing"; fi

timing: ## whether the time of a refusal tells anything of a key (a quiet machine, a minute)
	ASSAY_TIMING=1 $(GO) test ./access/gate -run 'SameTime$$|TimingDifference' -count 1 -v

tardis: ## the same recordings through another normalizer (needs node, npm and zstd)
	@if command -v node >/dev/null && command -v npm >/dev/null && command -v zstd >/dev/null; then \
		cd bench/tardis && { [ -d node_modules ] || npm install --no-package-lock --no-audit --no-fund >/dev/null; } && \
		node bench.mjs $(abspath $(ASSAY_SHARED))/data/market/captures/*.jsonl.zst; \
	else echo "node, npm or zstd is missing: the comparison is left out"; fi

bench-feed: build ## recordings through Assay, tardis-dev, cryptofeed and ccxt in turns (needs node, npm, python3 and zstd)
	@ASSAY_SHARED="$(abspath $(ASSAY_SHARED))" sh bench/feed/bench.sh

talib: ## indicators beside TA-Lib's C over the same bars (needs node, npm and gcc)
	@GO="$(GO)" sh bench/talib/bench.sh

scale: ## what the feed carries: 16 emulated exchanges of 500 markets at 20,000 events a second; ARGS="-for 10m -burst 10"
	@$(GO) build -o bin/scale ./cmd/scale && bin/scale $(ARGS)
