"""The genomes in which variants are looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..addresses import is_address
from ..errors import InputError
from ..genome.cohort_files import GivenGenotypes
from ..genome.options import GenotypeOptions
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..yaml_file import read_yaml

CHOICES = ("person", "person-snps", "reference")
_KEYS = {"vcf", "sample", "snps_only"}


@dataclass(frozen=True)
class Background:
    """A genome to look at variants in.

    Attributes:
        name: ``person``, ``person-snps``, ``reference``, or a population.
        genome: the genome.
    """

    name: str
    genome: PersonalGenome

    @property
    def sample(self) -> str:
        """Whose it is."""
        return self.genome.sample

    def description(self) -> dict[str, Any]:
        """All that its sequences depend on."""
        return {"name": self.name, "sample": self.sample, **self.genome.description()}


def open_backgrounds(
    reference: ReferenceGenome,
    choice: str | Path | None = None,
    *,
    vcf: GivenGenotypes | None = None,
    sample: str | None = None,
    options: GenotypeOptions | None = None,
) -> list[Background]:
    """Open the genomes that a choice names.

    Args:
        reference: the FASTA.
        choice: ``person``; ``person-snps``, the person's SNPs alone, as the released code does; ``reference``; or a
            YAML file, population -> ``{vcf:, sample:, snps_only:}``; ``vcf`` may be a list or a
            pattern. None = ``person`` with a VCF, else ``reference``.
        vcf, sample: the person, see ``PersonalGenome``.
        options: how records become sequence.

    Raises:
        InputError: a VCF or sample is missing or not used; the YAML cannot be read; see ``PersonalGenome``.
    """
    options = options or GenotypeOptions()
    name = str(choice) if choice is not None else "person" if vcf is not None else "reference"
    if name == "reference":
        if vcf is not None or sample is not None:
            unused = "VCF" if vcf is not None else "sample"
            raise InputError(
                f"the background reference uses no {unused}",
                file=vcf if isinstance(vcf, (str, Path)) else None,
                remedy="Leave out --vcf and --sample, or name --background person.",
            )
        return [Background(name, PersonalGenome(reference, options=GenotypeOptions(mode=options.mode)))]
    if name in CHOICES:
        if vcf is None:
            raise InputError(f"the background {name} needs a VCF", remedy="Give --vcf, or --background reference.")
        chosen = replace(options, snps_only=options.snps_only or name == "person-snps")
        return [Background(name, PersonalGenome(reference, vcf, sample, chosen))]
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(
            f"there is no background {name!r}", remedy=f"Choose one of {', '.join(CHOICES)}, or give a YAML file."
        )
    if vcf is not None:
        raise InputError("the populations' file names its own VCFs", file=path, remedy="Leave out --vcf.")
    return _populations(path, reference, options)


def _populations(path: Path, reference: ReferenceGenome, options: GenotypeOptions) -> list[Background]:
    content = read_yaml(path)
    if not isinstance(content, Mapping) or not content:
        raise InputError("names no population", file=path, remedy="Write lines such as EUR: {vcf: eur.vcf.gz}.")
    found = []
    for name, entry in content.items():
        if not isinstance(entry, Mapping) or "vcf" not in entry or not set(entry) <= _KEYS:
            raise InputError(
                "needs `vcf`, and may have `sample` and `snps_only`, nothing else",
                file=path,
                record=str(name),
                remedy="Write {vcf: FILE, sample: NAME, snps_only: true}.",
            )
        named = entry["vcf"] if isinstance(entry["vcf"], list) else [entry["vcf"]]
        vcf = [str(each) if is_address(str(each)) else path.parent / str(each) for each in named]
        chosen = replace(options, snps_only=bool(entry.get("snps_only", options.snps_only)))
        sample = None if entry.get("sample") is None else str(entry["sample"])
        found.append(Background(str(name), PersonalGenome(reference, vcf, sample, chosen)))
    return found
