# Everything runs inside .venv; every target creates it when it is missing or out of date.
PYTHON3 ?= python3
VENV := .venv
# What several machines and large models want (Ray, moments in 8 bits) is in no other environment.
CLUSTER_VENV := .venv-cluster
PYTHON := $(VENV)/bin/python
# uv does not look where pip finds extra wheels (such as a CPU build of torch) unless told to.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# More threads than one a process only make small models slower on shared cores.
export OMP_NUM_THREADS ?= 1
# Many processes are started here. Where Python is told to keep no bytecode, each compiles all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE
# Tests at a time. The slow ones of a file stay together, for they share what is dear to set up.
TEST_PROCESSES ?= 2
export GENPRM_HOME ?= $(CURDIR)/.genprm

.PHONY: demo test test-slow test-cluster lint docs ui install clean

demo: install
	$(VENV)/bin/genprm run --profile miniature

test: install
	$(PYTHON) -m pytest --numprocesses=$(TEST_PROCESSES)

test-slow: install
	$(PYTHON) -m pytest tests -m slow --numprocesses=$(TEST_PROCESSES) --dist=loadfile --no-loadscope-reorder

test-cluster: $(CLUSTER_VENV)/.installed
	$(CLUSTER_VENV)/bin/python -m pytest -m "slow or not slow" tests/orchestration/test_ray.py \
		tests/orchestration/test_ray_steps.py tests/infra/test_cluster.py tests/infra/test_kubernetes.py \
		"tests/genprm/training/test_resume.py::test_same_data_same_weights_also_after_an_interruption[8 bits, two processes]" \
		"tests/genprm/hardware/test_training_memory.py::test_the_peak_of_each_of_two_processes_is_foretold[bf16 adamw-8bit]" \
		"tests/genprm/hardware/test_training_memory.py::test_the_peak_of_real_training_is_foretold[bf16 adamw 4 bits]" \
		tests/genprm/training/test_lora.py

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: install
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet

ui: install
	$(PYTHON) -m orchestration.ui

install: $(VENV)/.installed

$(CLUSTER_VENV)/.installed: pyproject.toml constraints.txt Makefile
	$(PYTHON3) -m venv $(CLUSTER_VENV)
	$(CLUSTER_VENV)/bin/python -m pip install --quiet uv
	$(CLUSTER_VENV)/bin/python -m uv pip install --quiet --python $(CLUSTER_VENV)/bin/python --constraint constraints.txt --editable ".[ray,k8s,adamw-8bit,qlora,dev]"
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt Makefile
	@$(PYTHON3) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON3) is another (set PYTHON3=...)" >&2; exit 2; }
	$(PYTHON3) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m uv pip install --quiet --python $(PYTHON) --constraint constraints.txt --editable ".[pipeline,postgres,s3,docker,serve,docs,dev]"
	@# The sandbox sees these read-only: what it had to compile it would compile at every start.
	@cd $(VENV)/lib/python3*/site-packages && $(CURDIR)/$(PYTHON) -m compileall -q -j 0 mpmath numpy scipy sympy
	@touch $@

clean:
	rm -rf $(VENV) $(CLUSTER_VENV) .genprm site
