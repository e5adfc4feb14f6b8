# `make demo` shows it, `make test` tests it; both install what they need.
PORT ?= 8080
export PORT
# Tests that do not look at the clock run beside one another, each process with databases of its own.
PYTEST = .venv/bin/python -m pytest
PARALLEL = -n logical --maxprocesses 4 --dist worksteal
# Each file has servers and a browser of its own.
BROWSER = -n 2 --dist loadfile

.PHONY: demo demo-clean setup test lint
demo: ## photos in a table, Label Studio on http://localhost:8080
	@dev/setup.sh demo
	@.venv/bin/polardb-bridge demo

demo-clean: ## remove all that the demo created
	@python3 -m polardb_bridge demo --remove

setup: ## install what the tests and lint need
	@dev/setup.sh test

test: setup ## all tests but those of faults, with Label Studio on SQLite and on PostgreSQL
	$(PYTEST) $(PARALLEL) tests/unit tests/integration tests/security
	$(PYTEST) $(BROWSER) tests/browser -m "not long"
	TEST_DATABASE=postgresql $(PYTEST) $(PARALLEL) tests/integration tests/security

lint: setup ## formatting, style, types, architecture, dependencies, Dockerfile
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/deptry .
	.venv/bin/hadolint Dockerfile

.PHONY: docs
docs: ## the documentation in site/, in English and Chinese; a broken link fails
	@dev/setup.sh docs
	.venv/bin/python -m docs.build

.PHONY: wheel test-matrix
wheel: setup ## build sdist and wheel, and see that the wheel runs the demo by itself, in an empty environment and folder
	.venv/bin/python -m dev.wheel

test-matrix: setup ## unit and integration tests on Python 3.10 to 3.13, those that the machine has (VERSIONS="3.10 3.12")
	dev/matrix.sh $(VERSIONS)

.PHONY: test-faults test-short-faults
test-faults: setup ## syncs and write-back under faults: servers killed, frozen, cut off; the main ones on PostgreSQL too
	$(PYTEST) tests/faults
	TEST_DATABASE=postgresql $(PYTEST) tests/faults -m postgresql_too

test-short-faults: setup ## those of test-faults that take less than a minute each
	$(PYTEST) tests/faults -m "not long"
	TEST_DATABASE=postgresql $(PYTEST) tests/faults -m "postgresql_too and not long"

.PHONY: test-tables
test-tables: setup ## fourteen tables that nobody made for labeling, by command, by statement and by mouse; MYSQL_URL adds a server
	$(PYTEST) $(PARALLEL) tests/tables
	$(PYTEST) tests/browser/test_foreign_tables.py

.PHONY: coverage
coverage: setup ## which lines and branches the tests run, but those of browser and faults
	$(PYTEST) $(PARALLEL) tests/unit tests/integration tests/security --cov --cov-report=term:skip-covered

.PHONY: bench-writeback
bench-writeback: setup ## what write-back costs a submit, how soon a result is in its row, and how soon after outages; half an hour
	.venv/bin/python -m bench.writeback
	PYTHONPATH=tests .venv/bin/python -m bench.outages

.PHONY: bench
bench: setup ## how fast rows become tasks and images are shown, beside Label Studio's own ways; some 30 minutes (QUICK=1: 5)
	.venv/bin/python -m bench.sync $(if $(QUICK),--quick) $(if $(ROWS),--rows $(ROWS)) $(if $(IMAGES),--images $(IMAGES))

.PHONY: test-statements
test-statements: setup ## 150,000 random and mutated texts for the parser of statements; a quarter of an hour
	$(PYTEST) tests/unit/test_hostile_statements.py --hypothesis-profile=thorough --timeout=3600

.PHONY: test-labeling
test-labeling: setup ## each type of labeling by mouse, and the templates of Label Studio's gallery, in Chromium; a quarter of an hour
	$(PYTEST) tests/labeling

.PHONY: test-images
test-images: setup ## 50,000 damaged images, and the images of two packages judged by Chromium; some minutes
	$(PYTEST) tests/images --timeout=3600

.PHONY: test-media
test-media: setup ## videos of 200 MB out of rows: twenty viewers, readers who do not read, a server that goes away; some minutes
	$(PYTEST) tests/media --log-cli-level=INFO --timeout=1200

.PHONY: bench-deployments
bench-deployments: setup ## how long a deploy takes, and what twenty deployments cost the requests of one
	.venv/bin/python -m bench.deployments

.PHONY: test-label-studio
test-label-studio: ## Label Studio's own tests, under its settings and under ours at once; a quarter of an hour (TESTS='tests/jwt_auth': a part)
	@dev/setup.sh label-studio
	PYTHONPATH=tests .venv-label-studio/bin/python -m label_studio_suite $(TESTS)
