# Every target with a "##" comment shows in `make help`.
.DEFAULT_GOAL := help
SHELL := bash

STATE       := .stockpush
LINT_TAG    := v2.15.0
COMMIT      := $(shell git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
LDFLAGS     := -X stockpush/cmd/internal/version.Commit=$(COMMIT)
# The platform that package.json's ClickHouse library is for; elsewhere an installed clickhouse serves.
LIBRARY_FOR := Linux-x86_64
TAGS        ?=
STRIP       ?=
DEMO_FOR    ?= 30s
FUZZTIME    ?= 10s
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
SEEDS       ?= 10
MINUTES     ?= 30
EVENTS      ?= 5000000
FIRST       ?=
CHROMIUM    ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
SCREENSHOTS ?= $(abspath $(STATE))/screenshots
BENCH       := $(STATE)/bench
BENCH_RUNS  ?= 5
BENCH_LOADS ?= even zipf-12-partitions zipf-64-partitions
BENCH_RECORDS ?= 50000000
BENCH_SKUS  ?= 1000000
BENCH_QUESTIONS ?=
BENCH_BUDGETS := $(if $(STOCKPUSH_TEST_KAFKA),-apache-kafka)
SMALLER     ?= 1
LOAD_FOR    ?= 10m
MEASURE     := go test -run '^$$' -benchtime 1x -timeout 60m
BENCHSTAT   := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
LINT        := $(STATE)/bin/golangci-lint-$(LINT_TAG)
LIBRARY     := $(if $(filter $(LIBRARY_FOR),$(shell uname -s)-$(shell uname -m)),$(STATE)/npm/.installed,installed-clickhouse)
CROSS       ?= linux/arm64 darwin/arm64 windows/amd64

export CGO_ENABLED := 0

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build bin/stockpush
	go build -trimpath -tags '$(TAGS)' -ldflags '$(STRIP) $(LDFLAGS)' -o bin/stockpush ./cmd/stockpush

# In modules of their own, which the product does not depend on.
NFPM        := $(STATE)/bin/nfpm-v2.45.2
CYCLONEDX   := $(STATE)/bin/cyclonedx-gomod-v1.10.0

.PHONY: package-tools
package-tools: $(NFPM) $(CYCLONEDX)

$(NFPM):
	mkdir -p $(STATE)/bin/new
	GOBIN=$(abspath $(STATE)/bin/new) go install -trimpath github.com/goreleaser/nfpm/v2/cmd/nfpm@$(lastword $(subst -, ,$@))
	mv $(STATE)/bin/new/nfpm $@

$(CYCLONEDX):
	mkdir -p $(STATE)/bin/new
	GOBIN=$(abspath $(STATE)/bin/new) go install -trimpath github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(lastword $(subst -, ,$@))
	mv $(STATE)/bin/new/cyclonedx-gomod $@

.PHONY: packages
packages: package-tools ## Build archives, deb, rpm, bills of materials and checksums in .stockpush/dist, and test them
	.ci/packages $(abspath $(NFPM)) $(abspath $(CYCLONEDX))

.PHONY: chart
chart: ## Lint and render the Helm chart, and decode its manifests strictly
	cd cmd/stockpush/deploy/helm/test && go test -count=1 ./...

# The systems that no test runs on must compile. A static build
# loads no library, so that it needs no C library: that is what releases and images have.
.PHONY: cross
cross: ## Compile for every platform of CROSS
	@set -e; for platform in $(CROSS); do \
		echo "$$platform"; GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -trimpath -tags static -o /dev/null ./cmd/stockpush; \
	done
	GOOS=darwin GOARCH=arm64 go build -trimpath ./cmd/internal/embedded/... # a build from the source can load a library

.PHONY: cross-tests
cross-tests: ## Compile all tests for macOS
	GOOS=darwin GOARCH=arm64 go vet -trimpath -tags static ./...

.PHONY: demo
demo: build clickhouse-lib ## Run the whole system here for DEMO_FOR (30s), everything embedded
	bin/stockpush demo --for $(DEMO_FOR)

.PHONY: test
test: clickhouse-lib ## Run all tests: unit, property, and end to end on the embedded broker and ClickHouse
	go test -count=1 -timeout 15m -parallel 3 ./...

.PHONY: sim
sim: SEEDS := 10000
sim: ## Simulate SEEDS (10000) random schedules from seed FIRST (the time) on
	@set -o pipefail; STOCKPUSH_SIM_SEEDS=$(SEEDS) STOCKPUSH_SIM_FIRST=$(FIRST) go test -count=1 -timeout 60m -run NoSchedule -v ./cmd/lab/sim | grep -v '^=== '

.PHONY: race
race: clickhouse-lib ## Run the tests of all that is concurrent with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -count=1 -timeout 15m ./processor/... ./channels/... ./sinks/...

.PHONY: integration
integration: clickhouse-lib ## Run the end-to-end suite on the Kafka at STOCKPUSH_TEST_KAFKA
	@test -n "$$STOCKPUSH_TEST_KAFKA" || { echo 'set STOCKPUSH_TEST_KAFKA=HOST:PORT'; exit 2; }
	go test -count=1 -timeout 10m -parallel 3 -run E2E ./cmd/stockpush

.PHONY: upgrade
upgrade: clickhouse-lib ## Exchange the program of .ci/previous-version for this one and back, under traffic
	STOCKPUSH_TEST_UPGRADE=1 go test -count=1 -timeout 10m -run Upgrade ./cmd/stockpush

.PHONY: chaos
chaos: build clickhouse-lib ## Break the real program in every way: SEEDS (10) fresh seeds for at most MINUTES (30), or SEED=x again; KAFKA=DIR with Apache Kafka's jars
	go run ./cmd/lab/chaos -seeds $(if $(SEED),1 -seed $(SEED),$(SEEDS)) -minutes $(MINUTES) $(if $(KAFKA),-kafka $(KAFKA)) $(CHAOS)

.PHONY: postgres
postgres: clickhouse-lib ## Run what keeps tokens in PostgreSQL on a real one, whose binaries must be installed
	STOCKPUSH_TEST_POSTGRES=required go test -count=1 -timeout 10m -run 'Postgres|Tokens' ./channels/shopee/postgres ./cmd/stockpush

.PHONY: flood
flood: build clickhouse-lib ## Let EVENTS (5000000) come at once while ClickHouse is down, then while Shopee is, and see that memory stays bounded
	go run ./cmd/lab/chaos -load $(EVENTS) -without clickhouse
	go run ./cmd/lab/chaos -load $(EVENTS) -without shopee

.PHONY: browser
browser: clickhouse-lib ## Try the page in a real browser, the Chromium at CHROMIUM; pictures go to SCREENSHOTS
	@test -x "$(CHROMIUM)" || { echo 'no Chromium found: install it (apt-get install chromium), or set CHROMIUM=PATH'; exit 2; }
	STOCKPUSH_TEST_CHROMIUM=$(CHROMIUM) STOCKPUSH_TEST_SCREENSHOTS=$(SCREENSHOTS) go test -count=1 -timeout 10m -run Browser ./cmd/stockpush

.PHONY: lint
lint: $(LINT) ## Check format, vet and lint
	$(LINT) run ./...

.PHONY: docs
docs: ## Write the generated parts of the documents: configuration and metrics
	go test -count=1 ./cmd/stockpush/docs -update

.PHONY: release-check
release-check: ## See that CHANGELOG.md and the program's version agree
	go test -count=1 -run Release ./cmd/internal/version

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what we use; needs the vulnerability database, or a copy at GOVULNDB
	.ci/vuln $(GOVULNCHECK)

.PHONY: vuln-test
vuln-test: ## See that `make vuln` fails on a vulnerability, with databases of its own
	.ci/vuln-test $(GOVULNCHECK)

# Every part is measured beside its bare counterpart, in one run; the broker is a process of its own, a new one for each load,
# or the one at STOCKPUSH_TEST_KAFKA.
.PHONY: bench
bench: build clickhouse-lib ## Measure all: BENCH_RUNS (5) runs, one table beside the targets and the run before; about an hour
	mkdir -p $(BENCH)/profiles
	@for f in pieces stages questions; do [ ! -s $(BENCH)/$$f.txt ] || mv $(BENCH)/$$f.txt $(BENCH)/$$f.before.txt; done
	go test -run '^$$' -bench . -benchmem -count 6 ./schemas/... ./processor/... ./channels/... | tee $(BENCH)/pieces.txt
	@set -o pipefail; for load in $(BENCH_LOADS); do \
		STOCKPUSH_BENCH_PROFILES=$(abspath $(BENCH))/profiles cmd/lab/with-broker \
			$(MEASURE) -bench "Pipeline/$$load\$$" -count $(BENCH_RUNS) ./cmd/lab/bench | tee -a $(BENCH)/stages.txt || exit; done
	$(MEASURE) -bench 'Latency|Start|TwoProcesses' -count $(BENCH_RUNS) ./cmd/lab/bench | tee -a $(BENCH)/stages.txt
	$(MEASURE) -bench Footprint ./cmd/lab/bench | tee -a $(BENCH)/stages.txt
	STOCKPUSH_BENCH_RECORDS=$(BENCH_RECORDS) STOCKPUSH_BENCH_SKUS=$(BENCH_SKUS) STOCKPUSH_BENCH_QUESTIONS='$(BENCH_QUESTIONS)' \
		$(MEASURE) -bench Queries ./cmd/lab/queries | tee $(BENCH)/questions.txt
	@for p in $(BENCH)/profiles/even-*.cpu.pprof; do echo; echo "$$p"; go tool pprof -top -nodecount 10 "$$p" 2>/dev/null | tail -n +5; done
	@for p in $(BENCH)/profiles/even-*-before.allocs.pprof; do echo; echo "allocations: $${p%-before.allocs.pprof}"; \
		go tool pprof -top -nodecount 10 -sample_index alloc_space -diff_base "$$p" "$${p%-before.allocs.pprof}.allocs.pprof" 2>/dev/null | tail -n +5; done
	@go run $(BENCHSTAT) $$(ls $(BENCH)/pieces.before.txt 2>/dev/null) $(BENCH)/pieces.txt
	@$(MAKE) -s bench-table

.PHONY: bench-table
bench-table: ## Print the table of the last `make bench` again
	@cat $(BENCH)/pieces.txt $(BENCH)/stages.txt > $(BENCH)/all.txt
	@cat $(BENCH)/pieces.before.txt $(BENCH)/stages.before.txt > $(BENCH)/all.before.txt 2>/dev/null || true
	@go run ./cmd/lab/benchtable $(BENCH_BUDGETS) $(BENCH)/all.txt $(BENCH)/all.before.txt | tee $(BENCH)/table.txt

.PHONY: bench-quick
bench-quick: build clickhouse-lib ## Measure what has a budget, once; SMALLER=20 only tries it, with small loads
	@mkdir -p $(BENCH)
	@cmd/lab/bench-quick $(BENCH)/quick.txt $(SMALLER)
	@go run ./cmd/lab/benchtable -short $(BENCH_BUDGETS) $(BENCH)/quick.txt

.PHONY: load
load: clickhouse-lib ## Play a sale day in LOAD_FOR (10m): quiet, a flash sale at midnight, recovery; a table, and a chart
	mkdir -p $(STATE)/load
	STOCKPUSH_LOAD_FOR=$(LOAD_FOR) STOCKPUSH_LOAD_DIR=$(abspath $(STATE))/load $(MEASURE) -bench SaleDay ./cmd/lab/bench | tee $(STATE)/load/saleday.txt

# Without a bound Go makes each input that reaches something new smaller for a minute, and says nothing meanwhile.
.PHONY: fuzz
fuzz: ## Fuzz all that reads bytes from outside for FUZZTIME (10s) each
	@set -e; for f in $$(grep -lr '^func Fuzz' --include='*_test.go' .); do \
		for name in $$(grep -oE '^func Fuzz[A-Za-z0-9]+' $$f | cut -d' ' -f2); do \
			echo "$$name in $$(dirname $$f)"; go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x ./$$(dirname $$f); \
		done; done

.PHONY: clickhouse-lib
clickhouse-lib: $(LIBRARY) ## Install the embedded ClickHouse's library (npm), or see that a clickhouse program is installed

# The oldest supported ClickHouse: this version of the Python package chdb contains 25.8.
CHDB_OLDEST := 3.7.2

.PHONY: clickhouse-oldest-lib
clickhouse-oldest-lib: $(STATE)/chdb-$(CHDB_OLDEST)

.PHONY: clickhouse-oldest
clickhouse-oldest: $(STATE)/chdb-$(CHDB_OLDEST) ## Run the tests of the schema on the oldest supported ClickHouse (needs Python with pip)
	STOCKPUSH_TEST_CHDB=$(abspath $<) go test -count=1 -timeout 5m -run 'EarlierSchema|ViewsMatch|DifferencesAre|Percentiles|ShopStatus|EveryObject|BatchIsWritten' ./cmd/internal/setup

$(STATE)/chdb-$(CHDB_OLDEST):
	python3 -m pip install -q --no-deps --only-binary :all: --target $@.new chdb==$(CHDB_OLDEST)
	mv $@.new $@

.PHONY: installed-clickhouse
installed-clickhouse:
	@command -v "$${STOCKPUSH_CLICKHOUSE_BIN:-clickhouse}" >/dev/null || \
		{ echo 'install ClickHouse, which the demo and the tests embed (macOS: brew install clickhouse), or set STOCKPUSH_CLICKHOUSE_BIN'; exit 1; }

$(STATE)/npm/.installed: cmd/stockpush/package.json cmd/stockpush/package-lock.json
	@command -v npm >/dev/null || { echo 'npm is needed for the embedded ClickHouse. Install Node.js, or run your own: docker compose up'; exit 1; }
	mkdir -p $(STATE)/npm
	cp $^ $(STATE)/npm/
	npm ci --prefix $(STATE)/npm --no-audit --no-fund
	touch $@

$(LINT):
	mkdir -p $(STATE)/bin
	GOBIN=$(abspath $(STATE)/bin) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_TAG)
	mv $(STATE)/bin/golangci-lint $@

.PHONY: clean
clean: ## Remove what was built, and all data of demos
	rm -rf bin $(STATE)
