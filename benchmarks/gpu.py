"""All that is measured on a GPU, step by step, into one JSON and the table of docs/performance.md.

Run: bash benchmarks/gpu.sh [--cpu] [--no-install] [--output FOLDER] [--only STEP], which calls this file.

Each step is a process with a time limit of its own: one that fails, or takes too long, is recorded and the others go
on; the exit code is 1 where any failed. The released size with random weights; ``--cpu`` takes tiny sizes instead, to
test this file where there is no GPU, and leaves the documentation alone.

    tests      what is marked `gpu`
    model      benchmarks/speed/model.py in bfloat16: parts over the peak, 1 and 62 tissues, memory
    attention  flash, flex and sdpa against eager
    training   a step of stage 2: time and memory
    effects    benchmarks/speed/effects.py in float32
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENT = REPOSITORY / "docs" / "performance.md"
BEGIN, END = "<!-- gpu.sh: table -->", "<!-- gpu.sh: end -->"
# Seconds; with the installation's 150 they make at most eight minutes.
LIMITS = {"tests": 60, "model": 60, "attention": 75, "training": 45, "effects": 90}
TINY = {
    "encoder_config": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
N_TISSUES = 62


def main() -> int:
    """Run one step, or all of them; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="tiny sizes on the CPU")
    parser.add_argument("--output", type=Path, default=Path("gpu-results"))
    parser.add_argument("--only", choices=LIMITS, action="append", help="these steps alone; may be repeated")
    parser.add_argument("--step", choices=LIMITS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(STEPS[arguments.step](arguments.cpu)))
        return 0
    arguments.output.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"machine": machine(arguments.cpu), "steps": {}}
    for name in arguments.only or LIMITS:
        print(f"{name} ...", flush=True)
        report["steps"][name] = result = run_step(name, arguments.cpu, arguments.output / f"{name}.log")
        print(f"  {'done' if result['ok'] else result['error']} in {result['seconds']:.0f} s", flush=True)
        (arguments.output / "gpu.json").write_text(json.dumps(report, indent=1) + "\n")
    table = as_table(report)
    (arguments.output / "gpu.md").write_text(table)
    print(table, end="")
    if not arguments.cpu and not arguments.only:
        put_between_marks(DOCUMENT, table)
    return int(not all(result["ok"] for result in report["steps"].values()))


def run_step(name: str, cpu: bool, log: Path) -> dict[str, Any]:
    """A step in a process of its own: what it found, or what went wrong; stderr goes to ``log``."""
    command = [sys.executable, str(Path(__file__).resolve()), "--step", name, *(["--cpu"] if cpu else [])]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    if cpu:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    limit = LIMITS[name] * (4 if cpu else 1)  # a CPU may be busy with other tests
    start = time.perf_counter()
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, start_new_session=True
        )
        try:
            printed, _ = process.communicate(timeout=limit)
            problem = None if process.returncode == 0 else last_line(log) or f"exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, _ = process.communicate()
            problem = f"took more than {limit} s"
    result: dict[str, Any] = {"ok": False, "seconds": time.perf_counter() - start}
    if problem is None:
        found = json.loads(printed.splitlines()[-1])
        problem = found.pop("problem", None)
        result["found"] = found
    return result | {"ok": problem is None, "error": problem}


def last_line(path: Path) -> str:
    """What a program said last."""
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def machine(cpu: bool) -> dict[str, Any]:
    """What it was measured on."""
    import torch

    found: dict[str, Any] = {"python": platform.python_version(), "cores": os.cpu_count()}
    for package in ("variantformer-hf", "torch", "transformers", "flash-attn"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    if cpu:
        return {**found, "device": "cpu, tiny sizes"}
    if not torch.cuda.is_available():
        raise SystemExit("there is no CUDA device: give --cpu for the test of this script, or see `nvidia-smi`")
    properties = torch.cuda.get_device_properties(0)
    return {**found, "device": properties.name, "GB": properties.total_memory / 2**30, "CUDA": torch.version.cuda}


def place(cpu: bool) -> Any:
    """The device."""
    import torch

    return torch.device("cpu" if cpu else "cuda")


def config_of(cpu: bool) -> Any:
    """The released size, or a tiny one; with names for tissues."""
    from variantformer_hf.modeling import VariantFormerConfig

    return VariantFormerConfig(**(TINY if cpu else {}), tissues=[f"tissue {number}" for number in range(N_TISSUES)])


def tests(cpu: bool) -> dict[str, Any]:
    """Tests that are marked `gpu`; each is skipped without one."""
    import pytest

    files = [path for path in sorted((REPOSITORY / "tests").glob("test_*.py")) if "mark.gpu" in path.read_text()]
    with tempfile.TemporaryDirectory() as name:
        record = Path(name) / "junit.xml"
        words = ["-n0", "-m", "gpu", "-p", "no:cacheprovider", f"--rootdir={REPOSITORY}", f"--junitxml={record}"]
        with contextlib.chdir(REPOSITORY), contextlib.redirect_stdout(sys.stderr):
            code = pytest.main([*words, *map(str, files)])
        suite = ElementTree.parse(record).getroot()[0].attrib
    count = {name: int(suite[name]) for name in ("tests", "failures", "errors", "skipped")}
    ran = count["tests"] - count["skipped"]
    found: dict[str, Any] = {"passed": ran - count["failures"] - count["errors"], "skipped": count["skipped"]}
    if code or (not cpu and not ran):
        found["problem"] = f"{count['failures'] + count['errors']} failed, {ran} ran"
    return found


def model(cpu: bool) -> dict[str, Any]:
    """benchmarks/speed/model.py at the released size."""
    import torch

    from benchmarks.speed.model import measure

    asked = Namespace(
        attention=None,
        compile=False,
        rounds=1 if cpu else 3,
        cres=20 if cpu else 1_400,
        windows=3 if cpu else 200,
        tissues=N_TISSUES,
    )
    return measure(config_of(cpu), place(cpu), torch.float32 if cpu else torch.bfloat16, asked)


def attention(cpu: bool) -> dict[str, Any]:
    """Each implementation on the same gene: its time, and the greatest difference from eager in log1p TPM."""
    import numpy as np
    import torch

    from benchmarks.speed.model import random_model
    from benchmarks.timing import device_clock, median, timed
    from variantformer_hf.simulation.model import fill_weights

    device, dtype = place(cpu), torch.float32 if cpu else torch.bfloat16
    torch.manual_seed(0)
    model = random_model(config_of(cpu), device, dtype).eval()
    fill_weights(model, np.random.default_rng(0))  # of a size at which implementations could differ
    gene = {
        **random_gene(model, n_cres=8 if cpu else 300, n_windows=2 if cpu else 40, device=device),
        "tissue_ids": torch.arange(4, device=device)[None],
    }
    found: dict[str, Any] = {}
    problems, expected = [], None

    def logits_of_gene() -> torch.Tensor:
        return model(**gene).logits.float()

    for name in ("eager", "sdpa", "variantformer_flex", "variantformer_varlen"):
        if name == "variantformer_varlen" and (cpu or importlib.util.find_spec("flash_attn") is None):
            found[name] = "no CUDA device" if cpu else "flash-attn is not installed"
            continue
        try:
            model.set_attn_implementation(name)
            with torch.inference_mode():
                seconds, logits = timed(logits_of_gene, 1 if cpu else 5, warm_up=1, clock=device_clock(device))
        except (RuntimeError, ValueError, ImportError, AssertionError) as error:
            problems.append(name)
            found[name] = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            continue
        expected = logits if name == "eager" else expected
        away = None if expected is None else float((logits - expected).abs().max())
        found[name] = {"seconds": median(seconds), "greatest difference": away}
        if not bool(torch.isfinite(logits).all()):
            problems.append(f"{name} is not finite")
    return found | ({"problem": f"failed: {', '.join(problems)}"} if problems else {})


def training(cpu: bool) -> dict[str, Any]:
    """Steps of stage 2 as the paper has it: two pairs, two tissues, the cCRE encoder frozen, bfloat16 on a GPU."""
    import torch

    from benchmarks.speed.model import random_model
    from benchmarks.timing import device_clock, median, timed
    from variantformer_hf.training.options import OptimizerOptions
    from variantformer_hf.training.schedules import make_optimizer
    from variantformer_hf.training.variantformer.recipe import freeze

    device, pairs, n_tissues, n_cres = place(cpu), 2, 2, 8 if cpu else 1_400
    torch.manual_seed(0)
    model = random_model(config_of(cpu), device, torch.float32).train()
    freeze(model, "encoder")
    model.gradient_checkpointing_enable()
    options = OptimizerOptions()
    optimizer = make_optimizer(model.parameters(), options)
    gene = random_gene(model, n_cres=n_cres, n_windows=2 if cpu else 200, device=device, pairs=pairs)
    width = model.config.encoder_config.hidden_size
    gene["cre_embeds"] = torch.randn(pairs, n_cres, width, device=device)
    del gene["cre_input_ids"], gene["cre_attention_mask"]
    batch = {
        **gene,
        "tissue_ids": torch.randint(0, N_TISSUES, (pairs, n_tissues), device=device),
        "labels": torch.rand(pairs, n_tissues, device=device),
    }
    learning = [each for each in model.parameters() if each.requires_grad]

    def step() -> torch.Tensor:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=not cpu):
            loss = model(**batch, return_dict=True).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, options.max_grad_norm or float("inf"))
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    if not cpu:
        torch.cuda.reset_peak_memory_stats()
    times, loss = timed(step, 1 if cpu else 3, warm_up=1, clock=device_clock(device))
    seconds = median(times)
    found: dict[str, Any] = {
        "parameters": sum(each.numel() for each in model.parameters()),
        "parameters that learn": sum(each.numel() for each in learning),
        "s: a step of 2 pairs x 2 tissues": seconds,
        "values/s": pairs * n_tissues / seconds,
        "GB: peak memory": None if cpu else torch.cuda.max_memory_allocated() / 2**30,
    }
    return found if bool(torch.isfinite(loss)) else {**found, "problem": "the loss is not finite"}


def effects(cpu: bool) -> dict[str, Any]:
    """benchmarks/speed/effects.py in float32."""
    import pysam

    from benchmarks.speed.effects import measure

    pysam.set_verbosity(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["VARIANTFORMER_CACHE"] = str(folder / "cache")
        config = folder / "config.json"
        config.write_text(json.dumps(config_of(cpu).to_dict()))
        asked = Namespace(
            variants=2 if cpu else 20, pairs=1 if cpu else 3, records=1_000 if cpu else 20_000, scan=0, config=config
        )
        return measure(folder, asked)


STEPS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "tests": tests,
    "model": model,
    "attention": attention,
    "training": training,
    "effects": effects,
}


def random_gene(model: Any, *, n_cres: int, n_windows: int, device: Any, pairs: int = 1) -> dict[str, Any]:
    """A batch of genes of random tokens: cCREs of 70 to 130 of them, whole windows."""
    import torch

    length = model.config.encoder_config.token_length
    lengths = torch.randint(70, 131, (pairs, n_cres, 1), device=device)
    mask = (torch.arange(length, device=device) < lengths).long()
    windows = torch.randint(18, 500, (pairs, n_windows, length), device=device)
    return {
        "cre_input_ids": torch.randint(18, 500, (pairs, n_cres, length), device=device) * mask,
        "cre_attention_mask": mask,
        "cre_class_ids": torch.randint(0, 9, (pairs, n_cres), device=device),
        "gene_input_ids": windows,
        "gene_attention_mask": torch.ones_like(windows),
    }


def as_table(report: dict[str, Any]) -> str:
    """The table of docs/performance.md: a line a number, failures too."""
    versions = ", ".join(f"{name} {shown(value)}" for name, value in report["machine"].items() if value is not None)
    lines = [f"Measured by `bash benchmarks/gpu.sh`: {versions}.", "", "| step | what | measured |", "|---|---|---|"]
    for step, result in report["steps"].items():
        rows = dict(flat(result.get("found", {})))
        if result["error"]:
            rows["**failed**"] = result["error"]
        lines += [f"| {step} | {escaped(what)} | {escaped(shown(value))} |" for what, value in rows.items()]
    return "\n".join(lines) + "\n"


def flat(found: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Names and values, those inside of others behind them."""
    rows = []
    for name, value in found.items():
        rows += flat(value, f"{before}{name}, ") if isinstance(value, dict) else [(f"{before}{name.strip()}", value)]
    return rows


def shown(value: Any) -> str:
    """A number in four digits."""
    return f"{value:.4g}" if isinstance(value, float) else "not measured" if value is None else str(value)


def escaped(text: str) -> str:
    """Text of a table's cell."""
    return text.replace("|", "\\|")


def put_between_marks(document: Path, table: str) -> None:
    """Put the table in the place of the one before."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n{table}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
