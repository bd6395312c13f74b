#!/usr/bin/env bash
# Everything that is measured on a GPU, in at most eight minutes: installed, tested, measured, written down.
#   bash benchmarks/gpu.sh [--no-install] [--cpu] [--output FOLDER] [--only STEP]
# Installs into .venv-gpu by PYTHON (default python3), unless --no-install or --cpu: then PYTHON has everything already.
# Results: FOLDER/gpu.json, FOLDER/gpu.md and the table of docs/performance.md; benchmarks/gpu.py says what is measured.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
install=yes
arguments=()
for argument in "$@"; do
  case $argument in
    --no-install) install=no ;;
    --cpu) install=no; arguments+=("$argument") ;;
    *) arguments+=("$argument") ;;
  esac
done
if [ "$install" = yes ]; then
  echo "installing into $repository/.venv-gpu ..."
  [ -x "$repository/.venv-gpu/bin/pip" ] || "$python" -m venv "$repository/.venv-gpu"
  python=$repository/.venv-gpu/bin/python
  timeout 120 "$python" -m pip install --quiet "${TORCH:-torch==2.13.0}" --editable "$repository[fast]" pytest pytest-xdist hypothesis
  # Without a wheel for this torch and CUDA it would be compiled, for hours.
  timeout 30 "$python" -m pip install --quiet --only-binary :all: flash-attn || echo "flash-attn has no wheel here: measured without"
fi
export PYTHONPATH="$repository${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" "$repository/benchmarks/gpu.py" ${arguments[@]+"${arguments[@]}"}
