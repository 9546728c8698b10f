# Each target sets up what it needs in a virtual environment of its own under .venv/, from hash-checked pins.
PYTHON ?= python3
ARGS ?=

.PHONY: native run client train test check format pins bench prove fuzz audit sbom drill test-containers clean
.DELETE_ON_ERROR:

# C is quicker; where it cannot be compiled, Python does the same.
native:
	@{ $(MAKE) --silent .venv/native/ready && .venv/native/bin/python -m contract.native; } || \
	  echo "native.c was not compiled: all works without it, in more time." >&2

run: .venv/service/ready native
	.venv/service/bin/python -m service $(ARGS)

client: .venv/client/ready
	.venv/client/bin/python -m client $(ARGS)

train: .venv/trainer/ready native
	.venv/trainer/bin/python -m trainer train $(ARGS)

test:
	scripts/test-tools $(PYTHON)
	$(MAKE) .venv/dev/ready native
	.venv/dev/bin/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: .venv/dev/ready
	.venv/dev/bin/ruff format --check .
	.venv/dev/bin/ruff check .
	.venv/dev/bin/mypy
	.venv/dev/bin/lint-imports --no-cache
	scripts/pins --check

format: .venv/dev/ready
	.venv/dev/bin/ruff format .
	.venv/dev/bin/ruff check --fix .

pins: .venv/dev/ready
	scripts/pins

bench: .venv/dev/ready native
	.venv/dev/bin/python -m benchmarks.start
	.venv/dev/bin/python -m benchmarks.serving
	.venv/dev/bin/python -m benchmarks.batch
	.venv/dev/bin/python -m benchmarks.overload
	.venv/dev/bin/python -m benchmarks.growth

BENCHES := parts network numbers read queue window train
.PHONY: $(BENCHES:%=bench-%)
$(BENCHES:%=bench-%): bench-%: .venv/dev/ready native
	.venv/dev/bin/python -m benchmarks.$* $(ARGS)

prove:
	scripts/test-tools $(PYTHON)
	$(MAKE) .venv/dev/ready native
	.venv/dev/bin/python -m proofs $(ARGS)

fuzz: .venv/dev/ready native
	.venv/dev/bin/python -m proofs.fuzz $(ARGS)

audit: .venv/dev/ready
	for room in service client trainer; do \
	  .venv/dev/bin/pip-audit --require-hashes --disable-pip -r requirements/$$room.txt || exit 1; done

sbom: .venv/dev/ready
	@.venv/dev/bin/python -m deploy.sbom digits-service

drill: .venv/dev/ready
	.venv/dev/bin/python -m deploy.drill

test-containers: .venv/dev/ready
	.venv/dev/bin/python -m tests.containers

clean:
	rm -rf .venv

.venv/%/ready: requirements/%.txt
	scripts/venv $(PYTHON) $*
