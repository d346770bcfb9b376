# One image for everything: the jobs, Spark's drivers and executors (Kubernetes, Mesos, standalone).
# docker build -t darkroom .
# docker run --publish 127.0.0.1:8080:8080 --volume ./models:/models:ro darkroom \
#   darkroom serve model=/models/photos host=0.0.0.0
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && apt-get install --yes --no-install-recommends openjdk-17-jre-headless g++ make tini procps \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/darkroom
# Packages first: they change less often than the code.
COPY requirements.lock pyproject.toml README.md ./
COPY tools/setup.sh tools/cxx17 tools/spark_classes.py tools/
COPY pipelines/__init__.py pipelines/
COPY jobs/__init__.py jobs/
COPY conf conf
RUN pip install --no-cache-dir uv==0.13.9 && XDG_CACHE_HOME=/tmp/cache tools/setup.sh && rm -rf /tmp/cache
COPY . .

ENV PATH=/opt/darkroom/.venv/bin:$PATH \
    SPARK_HOME=/opt/darkroom/.venv/lib/python3.11/site-packages/pyspark \
    PYSPARK_PYTHON=/opt/darkroom/.venv/bin/python
RUN useradd --uid 185 --create-home spark
USER 185
ENTRYPOINT ["/opt/darkroom/docker/entrypoint.sh"]
CMD ["darkroom", "--help"]
