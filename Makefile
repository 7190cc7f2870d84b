# What each target does is one line to read; the work itself is in cargo and in setup/.
.PHONY: run build test check bench fuzz setup

CARGO ?= cargo
export CARGO

# Of `make run`: where the page is, where plant and repository are, and where the demo keeps its data.
LISTEN ?= 127.0.0.1:3000
PLANT ?= 127.0.0.1:3100
# Of `make fuzz`: how long it looks at each parser.
FUZZ_SECONDS ?= 60
TARGET = $(shell $(CARGO) metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
DATA_DIR ?= $(TARGET)/demo

run: ## The demo in the foreground, with what it needs installed and built first. Ctrl-C ends it.
	@./setup/run-tools
	@./setup/build dev
	@./setup/demo $(LISTEN) $(PLANT) $(DATA_DIR)

build: ## Server, ota-publish and the page, optimized; the page's files also as brotli and gzip.
	@./setup/run-tools release
	@./setup/build release

test: setup ## Every test, with what they need installed first.
	@./setup/timed "Rust tests" $(CARGO) test --workspace --exclude frontend
	@./setup/timed "Build of programs and page" ./setup/build dev
	@./setup/timed "Browser tests" ./setup/browser-tests
	@echo "All tests passed."

check: ## Format, clippy with warnings as errors, and the unit tests.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --exclude frontend --all-targets -- -D warnings
	$(CARGO) clippy -p frontend --target wasm32-unknown-unknown -- -D warnings
	$(CARGO) test --workspace --exclude frontend --lib

bench: ## The figures of docs/benchmarks.md: an update from end to end, ways back, memory, requests a second, the page over the wire.
	@./setup/run-tools release
	@./setup/debian "the benchmarks" zstd=zstd curl=curl
	@./setup/build release
	$(CARGO) bench -p gateway-ota --bench gateway

fuzz: ## Looks for inputs that break a parser, FUZZ_SECONDS for each. docs/fuzzing.md has more.
	@./setup/fuzz $(FUZZ_SECONDS)

setup: ## Installs what building and testing need; does nothing when it is there.
	@./setup/run-tools
	@./setup/test-tools
