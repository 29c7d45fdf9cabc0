# Everything from a fresh clone: python3 (3.11 or newer), git and make are enough. All that is generated is in .lab/.

PYTHON ?= python3
# Address that SIP, the desk and the metrics of `make run` listen on.
LISTEN ?= 127.0.0.1
# More for pytest, such as TESTARGS="-k recovery -x"
TESTARGS ?=
# Test files at a time: most of them wait for telephones.
TESTJOBS ?= 2
# Where `make install` puts contactd; the Debian package has /usr for itself. DESTDIR is put before it, to pack elsewhere.
PREFIX ?= /usr/local
DESTDIR ?=
export LISTEN

BOOTSTRAP = @command -v $(PYTHON) >/dev/null || { echo "lab: there is no $(PYTHON): install python3 (3.11 or newer)"; exit 1; }; \
	$(PYTHON) -m tests.lab.bootstrap
VENV = .lab/venv/bin
RELEASE = $(BOOTSTRAP) --build && .lab/build/bin/python -m release

.PHONY: help run call test test-deb lint docs vendor screenshots bench-desk-load bench bench-acd bench-customers bench-ivr bench-tty bench-desk clean lock install uninstall sbom bundle deb

help:
	@echo "make run    a whole contact centre on this machine: PostgreSQL, Asterisk, contactd (LISTEN=address)"
	@echo "make call   call into it as a customer"
	@echo "make test   every test, against real servers (TESTARGS='-k words -x', TESTJOBS=1)"
	@echo "make lint   style, types, and the contracts between layers"
	@echo "make vendor the libraries of the desk's page, from npm, as they are committed"
	@echo "make screenshots  every view of the desk's page; make bench-desk-load what its first load weighs"
	@echo "make docs   the samples and the reference of the configuration, from contactd/config/sections"
	@echo "make bench  the latency and load figures; make bench-acd those of the routing alone, in three minutes"
	@echo "make bench-customers  matching, timeline and erasing with a million customers"
	@echo "make bench-ivr  200 callers in a flow's menus, beside a plain menu of the dialplan, in four minutes"
	@echo "make bench-desk  500 desks and 20 supervisors that look on, in two minutes"
	@echo "make bench-tty  reading text telephones, beside minimodem, in a quarter of an hour"
	@echo "make clean  remove everything generated"
	@echo "make install, uninstall  into PREFIX=$(PREFIX), with DESTDIR= before it"
	@echo "make deb       a Debian package, in dist/; make test-deb tries it in a Debian of its own (as root)"
	@echo "make bundle    one file, in dist/, that installs without internet; make sbom lists what is in it"
	@echo "make lock      decide anew on the version of each dependency"

run:
	$(BOOTSTRAP) asterisk
	@$(VENV)/python -m tests.lab.demo

call:
	$(BOOTSTRAP)
	@$(VENV)/python -m tests.lab.call

test:
	$(BOOTSTRAP) asterisk postgresql-tls sipp promtool minimodem sox espeak-ng dovecot postfix chromium
	@$(VENV)/python -m pytest -n $(TESTJOBS) --dist loadfile $(TESTARGS)

lint:
	$(BOOTSTRAP)
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/python -m tests.lab.page lint

# The few libraries of the desk's page, at the versions of tests/lab/node/package-lock.json; committed.
vendor:
	$(BOOTSTRAP)
	$(VENV)/python -m tests.lab.page vendor

# Of every view, from the real stack, light and dark, desktop and phone: .lab/screenshots. docs/desk/ has a few.
screenshots:
	$(BOOTSTRAP) asterisk chromium
	@mkdir -p .lab/screenshots
	@CONTACTD_SCREENSHOTS=$(CURDIR)/.lab/screenshots $(VENV)/python -m pytest -q tests/system/test_desk_page.py
	@echo "the pictures are in .lab/screenshots"

bench-desk-load:
	$(BOOTSTRAP) asterisk chromium
	@$(VENV)/python -m tests.lab.bench.desk_load

docs:
	$(BOOTSTRAP)
	$(VENV)/python -m contactd.config.reference
	$(VENV)/python -m tests.metrics.papers
	$(VENV)/python -m tests.core.pictures

bench:
	$(BOOTSTRAP) asterisk sipp
	@$(VENV)/python -m tests.lab.bench

bench-acd:
	$(BOOTSTRAP)
	@$(VENV)/python -m tests.lab.bench.acd

# A million customers with ten contacts each, outside this folder; BENCHARGS="--parties 50000" for fewer.
bench-customers:
	$(BOOTSTRAP)
	@$(VENV)/python -m tests.lab.bench.customers $(BENCHARGS)

# BENCHARGS="--callers 50 --seconds 15" for a short one.
bench-ivr:
	$(BOOTSTRAP) asterisk sipp
	@$(VENV)/python -m tests.lab.bench.ivr $(BENCHARGS)

# BENCHARGS="--hours 1" for a shorter one, --quick for two minutes.
bench-tty:
	$(BOOTSTRAP) minimodem sox espeak-ng
	@$(VENV)/python -m tests.lab.bench.tty $(BENCHARGS)

# BENCHARGS="--agents 100 --seconds 10" for a short one.
bench-desk:
	$(BOOTSTRAP)
	@$(VENV)/python -m tests.lab.bench.desk $(BENCHARGS)

# The package installed, upgraded and purged in a Debian that boots: takes minutes, and root.
test-deb:
	$(BOOTSTRAP)
	@CONTACTD_LONG=1 $(VENV)/python -m pytest tests/packaging $(TESTARGS)

lock sbom bundle deb:
	$(RELEASE) $@

install uninstall:
	$(RELEASE) --destdir "$(DESTDIR)" --prefix "$(PREFIX)" $@

clean:
	$(BOOTSTRAP) --clean
