# The course's commands. `make` alone lists them. All of them but help and clean first see to it that .venv is there.
.DEFAULT_GOAL := help
.PHONY: help setup lab play slides news reset test test-changed course notebooks links checkpoints lint minimum wheel \
	hosted clean

# Everything runs with the packages of .venv, whatever the reader's own settings bring in, and with its own kernel.
unexport PYTHONPATH PYTHONHOME
export PYTHONNOUSERSITE := 1
export JUPYTER_PREFER_ENV_PATH := 1

# The first Python on this machine that the course can use. Only asked for when a command needs it.
FIND_PYTHON = unset PYTHONPATH PYTHONHOME; for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && { echo "$$p"; break; }; done
PYTHON = $(shell $(FIND_PYTHON))
# Paths are relative, so that a space in the folder's name does no harm.
RUN = .venv/bin/python
NB =
BASE =
LAB_FLAGS =
PLAY_FLAGS =
TEST_FLAGS =

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv when it is missing or out of date (one to two minutes, once)
	@python="$(PYTHON)"; if [ -z "$$python" ]; then \
		echo "The course needs Python 3.11, 3.12 or 3.13 and found none. Install one, for example:" >&2; \
		echo "    sudo apt-get install python3.11 python3.11-venv     (Debian, Ubuntu)" >&2; \
		echo "    brew install python@3.13                            (macOS)" >&2; exit 1; \
	fi; "$$python" tools/setup_env.py

lab: setup ## open your own copy of the notebooks in JupyterLab (LAB_FLAGS=--no-browser: print its address only)
	$(RUN) tools/lab.py $(LAB_FLAGS)

play: setup ## open what can be played with, without running a notebook (PLAY_FLAGS=--no-browser: print its address only)
	@$(RUN) -m tools.play $(PLAY_FLAGS)

slides: setup ## make slides of stored notebooks, to be projected without a network (NB="14" for some)
	@$(RUN) -m tools.slides $(NB)

news: setup ## what has changed since your notebooks were copied, in the course and by you
	@$(RUN) -m tools.copy_notebooks news

reset: setup ## take the course's notebooks again; yours are kept in my_notebooks/backups (NB="01 02" for some)
	@$(RUN) -m tools.copy_notebooks reset $(NB)

test: setup ## check everything: style, units, learning, exercises, notebooks, widgets
	$(RUN) -m ruff check .
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TEST_FLAGS)

test-changed: setup ## check in minutes what your change touches (BASE=commit: since then; default: since main)
	$(RUN) -m ruff check .
	OMP_NUM_THREADS=1 $(RUN) -m tools.changed $(BASE) -- $(TEST_FLAGS)

course: setup ## run every notebook as a reader would; a table of minutes, memory and results
	$(RUN) tools/notebooks.py course $(NB)

notebooks: setup ## carry notebooks/py into the notebooks and execute them (NB="01 02" for some)
	$(RUN) tools/notebooks.py build $(NB)

links: setup ## renew the links between the notebooks, the contents and the claims
	$(RUN) -m tools.navigation

checkpoints: setup ## train again every model that the course ships (hours)
	$(RUN) -m course_lib checkpoints --all

minimum: setup ## install the oldest version of every dependency elsewhere and try the course with it (minutes)
	$(RUN) -m tools.minimum

wheel: setup ## put the course with its data and checkpoints into one file, dist/*.whl (about 80 MB; pip asks the network for setuptools)
	rm -rf build dist
	$(RUN) -m pip wheel . --no-deps --wheel-dir dist

hosted: setup ## write the cell that brings the course onto a hosted service into the notebooks (address: CITATION.cff)
	$(RUN) -m tools.hosted

lint: setup ## style only
	$(RUN) -m ruff check .

clean: ## remove .venv, caches and cached films; notebooks (yours too), answers and checkpoints stay
	rm -rf .venv .cache .pytest_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
