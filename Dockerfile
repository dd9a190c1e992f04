# The course in a container, for a machine that runs containers and shall have nothing else installed:
#
#     docker build --tag world-models .
#     docker run --rm --publish 127.0.0.1:8888:8888 world-models
#
# Then open the address beginning with http://127.0.0.1:8888 that it prints. To keep your notebooks and your progress,
# give it a place of its own: --volume world-models:/kept
# With an NVIDIA GPU: docker build --build-arg COURSE_GPU=1, and docker run --gpus all.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 reader \
    && install --directory --owner=reader --group=reader /course /kept
USER reader
WORKDIR /course

# The packages first: they change less often than the data and the notebooks, which Docker then copies alone.
COPY --chown=reader:reader pyproject.toml setup.py requirements.lock README.md LICENSE LICENSE-text ./
COPY --chown=reader:reader tools ./tools
COPY --chown=reader:reader course_lib ./course_lib
ARG COURSE_GPU=0
RUN COURSE_GPU=$COURSE_GPU PIP_NO_CACHE_DIR=1 python tools/setup_env.py

COPY --chown=reader:reader data ./data
COPY --chown=reader:reader notebooks ./notebooks

ENV COURSE_NOTEBOOKS=/kept/my_notebooks COURSE_HOME=/kept/progress
VOLUME /kept
EXPOSE 8888
# Inside the container it listens on every address; the address before the ports that are published keeps others out.
CMD [".venv/bin/python", "tools/lab.py", "--no-browser", "--ServerApp.ip=0.0.0.0", "--ServerApp.port=8888"]
