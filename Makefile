# Two commands on a fresh machine do everything: `make demo` and `make test`. What they need they install.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test tools lint lock samples bench bench-batch fuzz sheet clean

demo: $(READY)  ## Label and verify the samples, and say where to look.
	@sh tools/demo.sh $(BIN)/label

test: $(READY) tools  ## Run the tests; every skip is printed with its reason.
	@$(BIN)/pytest -n auto --dist loadfile

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

tools:  ## Install the foreign tools that tests ask (Debian and Ubuntu); elsewhere those tests skip and say so.
	@sh tools/install_tools.sh

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

lock:  ## Renew requirements.lock (needs uv).
	@uv pip compile pyproject.toml --extra test --extra dev --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet --allow-unsafe -o requirements.lock

samples: $(READY)
	@$(BIN)/python samples/make.py

bench: $(READY) tools
	@$(BIN)/python benchmarks/bench.py

bench-batch: $(READY) tools
	@$(BIN)/python benchmarks/batch.py

fuzz: $(READY)  ## Verify 50,000 mutated and truncated files.
	@$(BIN)/python tools/fuzz.py --count 50000

sheet: $(READY)  ## Draw out/contact-sheet.png: every kind of notice at a glance.
	@mkdir -p out && $(BIN)/python tools/contact_sheet.py out/contact-sheet.png

clean:
	@rm -rf .venv out build dist *.egg-info
