#!/usr/bin/env bash
# Make .venv with everything in requirements.lock. Horovod comes as source only: it is built once against
# the locked torch and its wheel kept in the user's cache, named for all that it depends on.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/darkroom
lock=requirements.lock
stamp=.venv/.installed

if [ -f "$stamp" ] && cmp -s "$lock" "$stamp" && [ -x .venv/bin/darkroom ]; then exit 0; fi

if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
  uv=uv
else
  uv=$cache/uv/bin/uv
  [ -x "$uv" ] || { python3.11 -m venv "$cache/uv" && "$cache/uv/bin/pip" install --quiet uv==0.13.9; }
fi

horovod_entry() { sed -n '/^horovod==/,/[^\\]$/p' "$lock"; }
others() { sed '/^horovod==/,/[^\\]$/d' "$lock"; }
version_of() { sed -n "s/^$1==\([^ ]*\).*/\1/p" "$lock"; }

echo "setup: installing the locked packages into .venv" >&2
[ -x .venv/bin/python ] || "$uv" venv --quiet --python 3.11 .venv
"$uv" pip sync --quiet --compile-bytecode --python .venv --require-hashes <(others)

gpu=${HOROVOD_GPU_OPERATIONS:-cpu}
wheels=$cache/wheels/horovod-$(version_of horovod)-torch-$(version_of torch)-py3.11-$(uname -m)-$gpu
if ! ls "$wheels"/horovod-*.whl >/dev/null 2>&1; then
  echo "setup: building Horovod once, about 4 minutes; the wheel stays in $wheels" >&2
  mkdir -p "$wheels"
  log=$wheels/build.log
  PATH=$PWD/.venv/bin:$PATH CXX=$PWD/tools/cxx17 MAKEFLAGS=-j$(nproc) \
    HOROVOD_WITH_PYTORCH=1 HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_MXNET=1 \
    HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 \
    .venv/bin/python -m pip wheel --no-deps --no-build-isolation --require-hashes \
    -r <(horovod_entry) --wheel-dir "$wheels" >"$log" 2>&1 ||
    { tail -n 30 "$log" >&2; echo "setup: Horovod did not build; the whole log is in $log" >&2; exit 1; }
fi
"$uv" pip install --quiet --python .venv --no-deps "$wheels"/horovod-*.whl
"$uv" pip install --quiet --python .venv --no-deps --no-build-isolation --editable .

# Java loads Spark's classes from an archive in half the time; pipelines/submit.py names it to each job.
classes=.venv/share/darkroom/spark.jsa
echo "setup: keeping Spark's classes for a faster start of jobs" >&2
mkdir -p "$(dirname "$classes")"
SPARK_SUBMIT_OPTS="-XX:ArchiveClassesAtExit=$PWD/$classes -Xlog:disable" PATH=$PWD/.venv/bin:$PATH \
  SPARK_HOME=$(echo "$PWD"/.venv/lib/python3.*/site-packages/pyspark) PYSPARK_PYTHON=$PWD/.venv/bin/python \
  .venv/bin/spark-submit --properties-file conf/spark/local.conf tools/spark_classes.py >/dev/null 2>.venv/classes.log ||
  echo "setup: that failed, see .venv/classes.log; jobs start some seconds slower" >&2
cp "$lock" "$stamp"
