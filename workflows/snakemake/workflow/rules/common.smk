# What several rules ask of the config: the people, their batches, the files.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))
from people import read_people

# Stores of genotypes and hashes; in the run's own folder, so that every job of it finds them.
CACHE = "results/cache"
CONTIG = "{contig}"

try:
    PEOPLE = read_people(config["samples"])
except ValueError as error:
    raise WorkflowError(str(error))
BATCHES = {
    f"{number:05d}": PEOPLE[first : first + config["people_per_batch"]]
    for number, first in enumerate(range(0, len(PEOPLE), config["people_per_batch"]))
}
# Files of genotypes: one a chromosome, or one for all of them.
IS_SPLIT = CONTIG in config["vcf"]
PIECES = {contig if IS_SPLIT else "all": config["vcf"].replace(CONTIG, contig) for contig in config["contigs"]}
# A folder that is not there would be passed over in silence where all that is made of it is there.
if "released" in config and not Path(config["released"]["artifacts"]).is_dir():
    raise WorkflowError(f"{config['released']['artifacts']}: no such folder. Fetch it: variantformer fetch released.")
MODEL = f"results/model/{config['released']['model']}" if "released" in config else config["model"]


wildcard_constraints:
    batch=r"\d+",
    contig="|".join(map(re.escape, config["contigs"])),
    piece="|".join(map(re.escape, PIECES)),


def piece_of(contig):
    """Which file has a chromosome's genotypes."""
    return contig if IS_SPLIT else "all"


def model_file(wildcards):
    """What says that the model is there, and which: its config has the hashes of all that belongs to it."""
    return MODEL if "released" in config else f"{MODEL}/config.json"


def predict_options(wildcards):
    """What the config says of predictions, as options of `variantformer predict`."""
    chosen = config["predict"]
    options = ["--precision", chosen["precision"], "--device", chosen["device"]]
    options += ["--on-ref-mismatch", chosen["on_ref_mismatch"]]
    options += [] if chosen["mode"] == "default" else ["--mode", chosen["mode"]]
    options += [f"--{name.replace('_', '-')}" for name in ("snps_only", "pass_only", "allow_unused") if chosen[name]]
    return options + [f"--tissue={name}" for name in config["tissues"]]
