# A thin door to CMake: set-up, build, tests. `make help` lists what it does; CMakePresets.json holds the builds.
BUILD ?= release
PREFIX ?= /usr/local
DIR := build/$(BUILD)

.DEFAULT_GOAL := help
SYSTEMS := kafka flume hdfs mqtt postgres
.PHONY: help setup build demo demo-sql demo-flights test $(SYSTEMS:%=test-%) fuzz soak perf install deb format check clean

help: ## list these commands
	@sed -n 's/^\([a-zA-Z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16 | sed 's/^/  make /'

setup: ## install what is missing to build (Debian packages); nothing to do: no network
	@tools/setup

build: setup ## build everything (BUILD=release, debug, asan, tsan, coverage)
	@tools/build $(BUILD)

demo: setup ## word count on real text, with a restart in the middle
	@tools/build release
	@tools/demo

demo-sql: setup ## a pipeline as an SQL script: tested, run, and compared with awk
	@tools/build release
	@tools/demo-sql

demo-flights: setup ## a year of real flights, in SQL and by a model, compared with DuckDB and scikit-learn
	@tools/build release
	@tools/demo-flights

test: build ## unit, golden, contract, simulation and example tests
	@tools/run-tests $(DIR)

# The tests of one system on its real server, which is installed, or fetched by Maven, when it is missing.
$(SYSTEMS:%=test-%): test-%: build
	@tools/setup --$*
	@tools/test-$* $(DIR)
test-NAME: ## the tests on a real server: kafka, flume, hdfs, mqtt, postgres
	@echo 'NAME is one of $(SYSTEMS)'

fuzz: ## fuzz the decoders of outside bytes, a minute each
	@tools/setup --ci
	@tools/build fuzz
	@tools/fuzz build/fuzz

soak: build ## the long versions of the tests: hours
	@SLUICE_SOAK=1 tools/run-tests --limit 14400 $(DIR)
	@for system in $(SYSTEMS); do tools/setup --$$system && SLUICE_SOAK=1 tools/test-$$system $(DIR) || exit 1; done
	@SLUICE_SOAK=1 $(MAKE) --no-print-directory fuzz

perf: setup ## build the benchmarks into build/release/perf
	@tools/build release perf
	@echo "benchmarks are in build/release/perf; perf/README.md tells how to run them"

install: setup ## install to PREFIX (/usr/local), staged under DESTDIR
	@tools/build release
	@DESTDIR='$(DESTDIR)' cmake --install build/release --prefix '$(PREFIX)'
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

deb: setup ## Debian packages into build/deb/packages
	@tools/make-deb

format: ## rewrite the sources in the house format
	@tools/check-format --fix

check: ## layers, format, docs, and exported symbols of the release build
	@tools/check-layers
	@tools/check-format
	@tools/check-docs
	@tools/build release sluice_shared
	@tools/check-symbols build/release/lib/libsluice.so

clean: ## remove all builds
	rm -rf build
