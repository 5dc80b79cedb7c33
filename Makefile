# The two commands: make run, make test. The others are parts of them, or for maintainers.
SHELL      := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@latest

WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/test-results/*' -not -path '*/playwright-report/*')
REVISION    := $(shell git describe --always --dirty 2>/dev/null)
DIST        := internal/webapp/dist/index.html

## run: build what is needed and start the demo
.PHONY: run
PORT ?= 8080
run: build
	./bin/countersign demo -port $(PORT)

## test: install what the tests need and run everything
.PHONY: test
test: lint test-go test-postgres test-web test-browser
	@echo "everything passed"

## build: the web app and the program, in bin/countersign
.PHONY: build
build: $(DIST)
	go build -trimpath -ldflags "-X main.revision=$(REVISION)" -o bin/countersign ./cmd/countersign

$(DIST): web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run --silent build
	@touch $@

web/node_modules/.installed: web/package-lock.json
	cd web && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

## lint: formatting, vet, staticcheck, types and rules of the web app
.PHONY: lint
lint: $(DIST)
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "run gofmt on: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	cd web && npm run --silent check && npm run --silent lint

## test-go: Go tests with the race detector
.PHONY: test-go
test-go: $(DIST)
	@scripts/need-versitygw >/dev/null
	@scripts/need-smpp >/dev/null
	@scripts/need-postgres >/dev/null
	go test -race -timeout 20m ./...

## test-postgres: the store, the flows and the audit log on PostgreSQL, which copies meet at; test-go has them on SQLite with the race detector
.PHONY: test-postgres
test-postgres: $(DIST)
	@scripts/need-postgres >/dev/null
	COUNTERSIGN_TEST_DATABASE=postgres go test -count=1 -timeout 20m ./internal/store ./internal/flowtest ./internal/auditlog

## chaos: copies and databases are killed under load, for CHAOS (90s), and a checker tells what became of every answer; then a copy of COPY_ACCOUNTS (1000000) accounts to PostgreSQL is killed twice
CHAOS ?= 90s
COPY_ACCOUNTS ?= 1000000
.PHONY: chaos
chaos:
	@scripts/need-postgres >/dev/null
	CHAOS=$(CHAOS) go test -count=1 -v -timeout 60m -run '^TestChaos' ./internal/chaostest
	COPY_ACCOUNTS=$(COPY_ACCOUNTS) go test -count=1 -v -timeout 60m -run '^TestChaos' ./cmd/countersign

## test-web: unit tests of the web app
.PHONY: test-web
test-web: web/node_modules/.installed
	cd web && npm run --silent test

## test-browser: the flows in a real Chromium with virtual authenticators
.PHONY: test-browser
test-browser: build
	@scripts/need-chromium
	cd web && npm run --silent size && npm run --silent e2e

## fuzz: each fuzz target for FUZZTIME (10s)
FUZZTIME ?= 10s
.PHONY: fuzz
fuzz:
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; done; done

## bench: the figures of docs/performance.md
.PHONY: bench
bench:
	go run ./internal/bench
	go run ./internal/bench -proofs

## vuln: known vulnerabilities; says so when the database cannot be asked
.PHONY: vuln
vuln:
	@go run $(GOVULNCHECK) ./... || { echo "govulncheck found something or could not ask its database: see above; this is not a clean result"; exit 1; }

## docs: write the generated parts of the documentation
.PHONY: docs
docs: $(DIST)
	go test ./cmd/countersign -run TestReferenceIsCurrent -update

## clean: remove what was built, but not the demo's data
.PHONY: clean
clean:
	rm -rf bin web/node_modules web/test-results web/playwright-report
	find internal/webapp/dist -mindepth 1 -not -name .gitkeep -delete

## help: this list
.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
