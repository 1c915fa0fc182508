# Two commands matter: `make serve` and `make test`. Everything they need is installed
# by the scripts behind them; the second time they are quick.

.DEFAULT_GOAL := help
.PHONY: help serve dev demo test soak soak-faults fuzz fuzz-api bench release serve-distributed setup check-serve check-macos

help:                ## Says what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve:               ## Runs Logboom on http://127.0.0.1:3000 (release build, embedded engines).
	@scripts/serve.sh

dev:                 ## The same as a debug build that rebuilds and reloads on every change.
	@scripts/dev.sh

demo:                ## Three sample services that log to the running server until Ctrl-C.
	@scripts/demo.sh

test:                ## Every test: units, engines on real servers, a real browser.
	@scripts/test.sh

soak:                ## Ten minutes of a live view under load: memory and frames stay as they were.
	@scripts/soak.sh

soak-faults:         ## Sinks and an agent under load and faults for minutes: no record is lost or doubled.
	@scripts/soak-faults.sh

fuzz:                ## Damaged logs and parts, and any bytes at every door and its entrance, a minute each.
	@scripts/fuzz.sh

fuzz-api:            ## The API against its OpenAPI document, for two minutes; a part of `make test`.
	@scripts/fuzz-api.sh

bench:               ## The program under load, as tables; OPTIONS="--corpus wide"; BENCH=scale|readers|distributed.
	@scripts/bench.sh $(OPTIONS)

release:             ## target/release/logboom: one file, the dashboard inside.
	@scripts/release.sh

serve-distributed:   ## Private RabbitMQ and PostgreSQL servers, and Logboom on them.
	@scripts/serve-distributed.sh

check-serve:         ## Starts a plain `cargo leptos serve`, loads a page with its files, and stops it.
	@scripts/check-serve.sh

check-macos:         ## Checks that all packages compile for macOS.
	@scripts/check-macos.sh

setup:               ## Installs the tools that the targets above need, and nothing else.
	@scripts/setup.sh web test
