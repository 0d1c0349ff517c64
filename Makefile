# One door to the kit: `make` prints what there is and what it costs. Everything runs in the virtual
# environment $(VENV), which `make setup` creates from pyproject.toml and the pins in constraints.txt.

PYTHON ?= python3
VENV ?= .venv
PROFILE ?= tiny

BIN := $(VENV)/bin
STAMP := $(VENV)/.unlearnkit-setup
PINS := constraints.txt
TORCH := $(shell sed -n 's/^torch==//p' $(PINS))
PIP := "$(BIN)/python" -m pip install -qq --disable-pip-version-check -c $(PINS)

# The tables that have a parameter file in this profile, in the order of the papers.
ORDER := table1 table2 table3 table4 table5 table6 table7 table8 table9 table10
FOUND := $(basename $(notdir $(wildcard params/$(PROFILE)/table*.yaml)))
TABLES := $(filter $(FOUND),$(ORDER)) $(filter-out $(ORDER),$(FOUND))

ALONE := table7_ten # longer forms of a table, which `make all` leaves out
TIMED := tests/test_table4.py # has bounds in seconds, so nothing else runs meanwhile

PARAMS = params/$(PROFILE)/$(TABLE).yaml
OPTIONS = $(if $(ROWS),--rows "$(ROWS)") $(if $(MODEL),--model "$(MODEL)") \
	$(if $(WORKERS),--workers "$(WORKERS)") $(if $(filter 1,$(FRESH)),--fresh)
OF_SPLIT = $(if $(SPLIT),--split "$(SPLIT)")

# $(call needs-params,table4): one line and a failure where that table has no parameter file in this profile.
missing = $(if $(1),params/$(PROFILE)/$(1).yaml does not exist,name a table: make $@ TABLE=table4)
needs-params = $(if $(filter $(1),$(TABLES)),,echo "$(missing); \
	tables of profile $(PROFILE): $(or $(strip $(TABLES)),none)" >&2; exit 1)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:
.PHONY: help setup ready all select front reference verify download pin test test-slow lint format notebook lab clean

help:
	@echo "unlearnkit: regenerates tables of papers on LLM unlearning; this version: Tables 1 to 5 of FLAT, 6 to 8 of A Closer Look, 9 of ULD, 10 of UOE"
	@echo
	@echo "  make setup        create $(VENV) (2 to 5 min and 2 GB of disk; with an NVIDIA GPU several GB more)"
	@echo "  make table4       one table, table1 ... table10 (tiny table4: 9 min on 2 cores; finished rows cost nothing)"
	@echo "  make all          every table of the profile (tiny: the sum of the above; small: hours; paper: GPU days)"
	@echo "  make notebook     open the notebooks in JupyterLab (no cost; also: make lab)"
	@echo "  make select       choose learning rate and last step of each method, TABLE=table4 (tiny: 20 min on 2 cores)"
	@echo "  make front        draw forget quality against utility over the grid of TABLE=table4 (tiny: 7 min a base model)"
	@echo "  make reference    copy finished results of TABLE=table4 to results/reference (seconds; needs a clean git tree)"
	@echo "  make verify       recompute the committed results from their samples (seconds)"
	@echo "  make download     fetch what TABLE=table4 PROFILE=paper takes from the hub (network; several GB a base model)"
	@echo "  make pin          lock its hub commits in params/hub.lock.json (network, seconds; UPDATE=1: the newest)"
	@echo "  make test         the test suite (6 min on 2 cores)"
	@echo "  make test-slow    the second suite: trains models, executes notebooks (12 min)"
	@echo "  make lint         ruff, and notebooks without outputs (seconds); make format mends both"
	@echo "  make clean        show what would be deleted: results/local only; with YES=1 delete it"
	@echo
	@echo "  PROFILE=tiny|small|paper (now: $(PROFILE))   ROWS=npo,flat_kl   MODEL=llama   WORKERS=2   FRESH=1 (recompute)"
	@echo "  SPLIT=forget05|forget10 (table, reference: the larger forget sets)   FRONT=1 (reference: the fronts)"
	@echo "  tables of profile $(PROFILE): $(or $(strip $(TABLES)),none)"

setup: $(STAMP)
	@cat "$(STAMP)"

# torch: with an NVIDIA GPU the plain pin (on Linux the CUDA build). Without one: the CPU build where pip is
# offered one, else on macOS the plain pin, else uv, which knows by itself where the CPU builds are.
$(STAMP): $(PINS) pyproject.toml
	@python="$(BIN)/python"; [ -x "$$python" ] || python="$(PYTHON)"; \
	version=$$("$$python" -c 'import platform; print(platform.python_version())' 2>/dev/null) \
		|| { echo "make setup: no interpreter $$python; name one: make setup PYTHON=python3.11" >&2; exit 1; }; \
	case $$version in 3.11.*|3.12.*) ;; *) \
		echo "make setup: $$python is Python $$version, unlearnkit needs 3.11 or 3.12: make setup PYTHON=python3.11" \
			"(delete $(VENV) first if it exists)" >&2; exit 1;; esac; \
	echo "setup: Python $$version in $(VENV)"; \
	"$(BIN)/python" -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv "$(VENV)"
	@start=$$(date +%s); echo "setup: installing torch $(TORCH)"; \
	if nvidia-smi >/dev/null 2>&1; then \
		echo "setup: NVIDIA GPU found: the plain build"; \
		$(PIP) torch==$(TORCH) || exit 1; \
	elif $(PIP) --only-binary :all: torch==$(TORCH)+cpu >/dev/null 2>&1; then \
		echo "setup: no NVIDIA GPU: the CPU build that pip is offered"; \
	elif [ "$$(uname -s)" = Darwin ]; then \
		echo "setup: macOS: the plain build"; \
		$(PIP) torch==$(TORCH) || exit 1; \
	elif $(PIP) uv && "$(BIN)/uv" pip install -q --python "$(BIN)/python" --torch-backend cpu \
			-c $(PINS) torch==$(TORCH); then \
		echo "setup: no NVIDIA GPU: the CPU build that uv found"; \
	else \
		echo "setup: WARNING no CPU build found: the CUDA build, several GB, works without a GPU too"; \
		$(PIP) torch==$(TORCH) || exit 1; \
	fi; \
	echo "setup: torch took $$(($$(date +%s) - start)) s; installing the other packages"
	@start=$$(date +%s); \
	$(PIP) -e ".[dev]" || exit 1; \
	echo "setup: the other packages took $$(($$(date +%s) - start)) s"
	@"$(BIN)/python" -c 'import platform, torch; print("setup: done: Python", platform.python_version(), \
		"torch", torch.__version__, "GPU" if torch.cuda.is_available() else "no GPU")' > "$(STAMP).partial"
	@mv "$(STAMP).partial" "$(STAMP)"

ready:
	@[ -f "$(STAMP)" ] || { echo "$(VENV) is not set up; run: make setup" >&2; exit 1; }
	@[ ! $(PINS) -nt "$(STAMP)" ] && [ ! pyproject.toml -nt "$(STAMP)" ] \
		|| { echo "$(PINS) or pyproject.toml is newer than $(VENV); run: make setup" >&2; exit 1; }

table%: ready
	@$(call needs-params,$@)
	@"$(BIN)/unlearnkit" table params/$(PROFILE)/$@.yaml $(OPTIONS) $(OF_SPLIT)

all: ready
	@[ -n "$(strip $(TABLES))" ] || { echo "no parameter files in params/$(PROFILE)" >&2; exit 1; }
	@$(MAKE) --no-print-directory --keep-going $(filter-out $(ALONE),$(TABLES))

select front: ready
	@$(call needs-params,$(TABLE))
	@"$(BIN)/unlearnkit" $@ $(PARAMS) $(OPTIONS)

reference: ready
	@$(call needs-params,$(TABLE))
	@"$(BIN)/unlearnkit" reference $(PARAMS) $(OF_SPLIT) $(if $(filter 1,$(FRONT)),--front)

download: ready
	@$(call needs-params,$(TABLE))
	@"$(BIN)/unlearnkit" download $(PARAMS) $(if $(MODEL),--model "$(MODEL)")

pin: ready
	@$(call needs-params,$(TABLE))
	@"$(BIN)/unlearnkit" pin $(PARAMS) $(if $(filter 1,$(UPDATE)),--update)

verify: ready
	@"$(BIN)/unlearnkit" verify

test: ready
	@OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -q -n logical --maxprocesses 4 -m "not slow"

test-slow: ready
	@"$(BIN)/python" -m pytest -q -m slow $(TIMED)
	@OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -q -n logical --maxprocesses 4 --dist loadfile -m slow $(TIMED:%=--ignore %)

lint: ready
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/nbstripout" --verify --keep-id notebooks/*.ipynb

format: ready
	@"$(BIN)/ruff" check --fix .
	@"$(BIN)/ruff" format .
	@"$(BIN)/nbstripout" --keep-id notebooks/*.ipynb

notebook lab: ready
	@"$(BIN)/jupyter" lab notebooks/

clean:
	@if [ ! -d results/local ]; then echo "clean: there is no results/local; nothing to delete"; \
	elif [ "$(YES)" = 1 ]; then rm -rf results/local; echo "clean: results/local deleted"; \
	else echo "clean: would delete (with: make clean YES=1)"; du -sh results/local/*; fi
