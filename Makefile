# What each target does is one line to read; the work itself is in cargo.
.PHONY: test check setup

CARGO ?= cargo

test: setup ## Every test, with what they need installed first.
	$(CARGO) test --workspace --all-targets
	$(CARGO) test --workspace --doc
	@echo "All tests passed."

check: ## Format, clippy with warnings as errors, and the unit tests.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) test --workspace --lib

setup: ## Installs the peers that the tests run against; does nothing when they are there.
	@./setup/test-tools
