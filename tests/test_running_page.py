"""The SLURM scripts of docs/running.md, run with stand-ins for what is not there."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from page_blocks import DOCS, blocks

STAND_INS = {
    "scontrol": 'printf "node1\\nnode2\\n"',
    "hostname": 'echo "10.0.0.1 192.168.0.1"',
    # Runs what follows its own options, as one task would.
    "srun": 'while [[ "$1" == --* ]]; do shift; done; exec "$@"',
    "ray": 'printf "%s\\n" "$@" > called',
}


def test_slurm_starts_one_ray_on_all_machines(tmp_path: Path) -> None:
    symmetric_run = pytest.importorskip("ray.scripts.symmetric_run", reason="ray is not installed (extra ray)")
    codes = [block.code for block in blocks((DOCS / "running.md").read_text()) if block.language == "sh"]
    (script,) = (code for code in codes if code.startswith("#!/bin/bash\n#SBATCH") and "ray symmetric-run" in code)
    for name, text in STAND_INS.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_NNODES": "2",
    }
    # No pipefail, as SLURM runs it: `head` may end before what writes to it.
    subprocess.run(["bash", "-eu", "-c", script], check=True, cwd=tmp_path, env=environment)
    words = (tmp_path / "called").read_text().splitlines()
    assert words[0] == "symmetric-run"
    own, command = words[1 : words.index("--")], words[words.index("--") + 1 :]
    assert own == ["--address", "10.0.0.1:6379", "--min-nodes", "2"]
    known = {option for each in symmetric_run.symmetric_run.params for option in each.opts}
    assert {word for word in own if word.startswith("--")} <= known
    assert command[:2] == ["variantformer", "predict"]
    assert command[command.index("--engine") :] == ["--engine", "ray", "--address", "auto"]
    assert "cohort.{contig}.vcf.gz" in command  # which no shell has touched
    # The variable that the script sets is one that Ray reads.
    assert f'"{re.search(r"export (RAY_[A-Z_]+)=", script)[1]}"' in Path(symmetric_run.__file__).read_text()
