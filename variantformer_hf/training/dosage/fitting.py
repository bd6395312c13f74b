"""A baseline is fitted: gene by gene, each into a file of its own, and all of them made into a model.

What is learned of variants (which are frequent, what is put in the place of a missing genotype, their scale) is learned
of the people to train on: nobody else's genotypes are read.
"""

import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...data.expression import Expression
from ...data.expression_pairs import ExpressionPairs, expression_pairs
from ...data.splits import Split
from ...errors import ContigError, InputError
from ...genome.appending import people_in
from ...genome.cohort_files import GivenGenotypes, contents_of
from ...genome.cohort_rows import Reading
from ...genome.contigs import identify_assembly
from ...genome.dosages import DosageFiles, Dosages
from ...genome.genes import Gene, GeneTable
from ...genome.provenance import file_sha256
from ...genome.reference import ReferenceGenome
from ...genome.variant import Variant
from ...genome.variant_dosages import VariantDosages
from ...genome.variant_files import genotype_source
from ...run_key import run_key
from ...version import __version__
from ...work import InProcess, Unit, check_all_done, run_units, unit_of
from ...work.units import Engine
from ...zoo.companions import table_digests
from ...zoo.dosage.gene_fit import DosageRecipe, GeneData, GeneFit, VariantFilter, imputed, rare_ones
from ...zoo.dosage.variants import GeneVariants
from ...zoo.dosage.windows import dosage_window
from ...zoo.gene_fits import NO_VALUES
from ...zoo.gene_regions import RegionFinder
from ...zoo.outputs import TissueNames
from ...zoo.units import LOG1P_TPM
from ..gene_fits import ValuesByGene, damaged_fit, fit_file, read_fit, work_folder, write_fit
from .gene_priors import GenePriors, PriorInputs
from .priors import Prior, read_priors
from .unmeasured import PRIOR_ALONE, of_priors_alone

logger = logging.getLogger(__name__)

_NO_CONTIG, _NO_TRAINING = "contig_not_in_vcf", "no_values_to_train_on"
# A scale of values beside those of models.
_TPM = "tpm"


@dataclass(frozen=True)
class DosageInputs:
    """What the people of an expression are read from.

    Attributes:
        fasta: the reference genome.
        vcf: genotypes of the people, in any form that ``PersonalGenome`` reads.
        genes: the table that the expression was prepared for.
        only: ids of the genes that are fitted; None = all.
        prior: what a recipe that starts from priors is told.
        min_probability: at which a genotype of a BGEN is called.
    """

    fasta: Path
    vcf: GivenGenotypes
    genes: GeneTable
    only: frozenset[str] | None = None
    prior: PriorInputs | None = None
    min_probability: float = 0.9


def fit_dosages(
    recipe: DosageRecipe,
    expression: Expression,
    split: Split,
    inputs: DosageInputs,
    folder: str | Path,
    *,
    parts: str | Path,
    engine: Engine | None = None,
    on_gene: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Fit a baseline to the people, and the genes, of the part ``train``.

    Args:
        recipe: which, see ``zoo.dosage.recipes.recipe_named``.
        expression: values; a person's several in a tissue count as their mean.
        split: who is held out.
        inputs: genotypes, reference genome and genes.
        folder: of the model; made.
        parts: folder for genes that are done; the same call goes on from it, and removes it at the end.
        engine: where genes are fitted; None = in this process.
        on_gene: called with (done, total).

    Returns:
        The report, which the folder holds too: people, genes and variants that were used, and the rest by reason.

    Raises:
        InputError: nobody to train on has genotypes, or fewer than there are folds; a file cannot be read; ``parts`` is
            of another run; a prior is of other genes, tissues or variants.
    """
    expression, turned = _on_scale(recipe, expression)
    reference = ReferenceGenome(inputs.fasta)
    tissues = sorted(set(expression.samples["tissue"].to_pylist()))
    pairs = expression_pairs(expression, split, "train", inputs.genes, TissueNames(tissues))
    people, n_without = _people(pairs, inputs.vcf)
    if len(people) < recipe.least_people:
        raise InputError(
            f"{len(people)} donors to train on have genotypes, and there are {recipe.least_people} folds",
            file=genotype_source(inputs.vcf),
            remedy="Ask for fewer folds (--folds, --outer-folds), or hold out fewer donors.",
        )
    finder = RegionFinder(inputs.genes, reference, dosage_window(recipe.anchor, recipe.radius))
    values = ValuesByGene.of(pairs, people)
    genes, unmeasured, left_out = _genes(inputs, finder, values)
    assembly = identify_assembly(reference.contigs)
    priors = []
    if inputs.prior is not None:
        priors = read_priors(inputs.prior.paths, inputs.genes, tissues, assembly, inputs.only)
    described = {
        "version": __version__,
        "recipe": {"kind": recipe.kind, **asdict(recipe)},
        "genotypes": contents_of(genotype_source(inputs.vcf)) if recipe.filter is not None else None,
        "min_probability": inputs.min_probability,
        "fasta": dict(reference.contigs),
        "genes": table_digests(inputs.genes),
        "people": people,
        "values": values.digest(),
        "tissues": tissues,
    }
    if inputs.prior is not None:
        described["prior"] = _described(inputs.prior, priors)
    work = work_folder(Path(parts).absolute(), run_key(described))
    values.save(work)
    for number, prior in enumerate(priors):
        prior.save(_prior_file(work, number))
    names = tuple(prior.name for prior in priors)
    job = FitJob(recipe, inputs, work, tuple(people), len(tissues), expression.scale == LOG1P_TPM.name, names)
    units = [unit_of("gene", gene.gene_id) for gene in genes]
    failed = run_units(
        job,
        units,
        is_done=lambda unit: fit_file(work, unit).is_file(),
        engine=engine or InProcess(),
        on_unit=on_gene,
    )
    check_all_done(failed, len(units))
    fits, variants = [], Counter[str]()
    for unit in units:
        fit, of_gene = _read_fit(fit_file(work, unit))
        fits.append(fit)
        variants.update(of_gene)
    _check_shared(priors, variants)
    alone, unused = of_priors_alone(unmeasured, priors, finder, reference, tissues, expression.scale)
    of_genes = {gene.gene_id: fit for gene, fit in zip(genes, fits, strict=True)} | alone
    in_model = [gene for gene in inputs.genes if gene.gene_id in of_genes]

    from ...whole_folders import replace_folder
    from ...zoo.dosage.fitted_model import fitted_model

    model = fitted_model(
        recipe,
        in_model,
        [of_genes[gene.gene_id] for gene in in_model],
        tissues=tissues,
        unit=expression.scale,
        assembly=assembly,
    )
    statuses = Counter(str(row["status"]) for fit in of_genes.values() for row in fit.rows)
    left_out |= {PRIOR_ALONE: len(alone)} if alone else {}
    left_out |= {_NO_TRAINING: len(unmeasured) - len(alone)} if len(unmeasured) > len(alone) else {}
    report = {
        "kind": recipe.kind,
        "version": __version__,
        "people": {"fitted": len(people), "without_genotypes": n_without},
        "genes": {"fitted": len(genes), **left_out},
        "genes_x_tissues": dict(sorted(statuses.items())),
        "variants_in_windows": dict(sorted(variants.items())),
        **({"values": turned} if turned else {}),
        "recipe": described["recipe"],
    }
    if priors:
        report["prior"] = {prior.name: {"used": len(prior.table), **_counted(prior.left_out)} for prior in priors}
        if any(unused.values()):
            report["prior_alone"] = _counted(unused)
        report["fits"] = _counted(
            Counter(_kind_of(row) for fit in fits for row in fit.rows if row["status"] != NO_VALUES)
        )

    def write(partial: Path) -> None:
        model.save(partial)
        (partial / "report.json").write_text(json.dumps(report, indent=2) + "\n")

    replace_folder(Path(folder), write)
    shutil.rmtree(parts, ignore_errors=True)
    return report


def _described(inputs: PriorInputs, priors: Sequence[Prior]) -> dict[str, Any]:
    """What a fit's run is known by, beside what every fit's is."""
    return {
        "priors": [(prior.name, prior.digest()) for prior in priors],
        "cres": None if inputs.cres is None else file_sha256(inputs.cres),
        "distance": inputs.distance,
        "panel": None if inputs.panel is None else contents_of(genotype_source(inputs.panel)),
        "panel_people": list(inputs.panel_people),
    }


def _check_shared(priors: Sequence[Prior], variants: Counter[str]) -> None:
    """Refuse priors none of whose variants the genotypes have."""
    if priors and not variants["in_prior"] + variants["rare_in_prior"] + variants["no_snvs_in_prior"]:
        n_zero = variants["no_effect_in_prior"]
        said = (
            f"{n_zero:,} have an effect of 0, {variants['in_prior_alone']:,} are in no record, "
            f"{variants['prior_ref_differs']:,} have another REF"
        )
        raise InputError(
            f"has no variant with an effect near the genes that the genotypes have: {said}",
            file=", ".join(str(prior.path) for prior in priors),
            remedy="Give effects that are not 0, or fit without a prior: `variantformer baseline fit elastic-net`."
            if n_zero
            else "Give a prior of the assembly of the FASTA, made for variants of these people.",
        )


def _kind_of(row: dict[str, Any]) -> str:
    """What a gene and tissue made of its priors."""
    if "strength" not in row:
        return "mean"
    return "from_prior" if any(row[name] for name in row if name.startswith("share_")) else "plain"


def _counted(counts: Counter[str]) -> dict[str, int]:
    return {name: number for name, number in sorted(counts.items()) if number}


def _on_scale(recipe: DosageRecipe, expression: Expression) -> tuple[Expression, dict[str, int]]:
    """The values on the scale that a recipe is fitted to, and how many were turned into it.

    Raises:
        InputError: they cannot be.
    """
    if not recipe.of_tpm or expression.scale == LOG1P_TPM.name:
        return expression, {}
    if expression.scale != _TPM:
        raise InputError(
            f"its values are {expression.scale}, and a {recipe.kind} is fitted to {LOG1P_TPM.name}",
            remedy="Give prepared expression of TPM (docs/training.md), or fit another kind.",
        )
    values = np.asarray(expression.value)
    if (values < 0).any():
        raise InputError("has a negative TPM", remedy="Prepare the expression again.")
    turned = replace(expression, value=np.log1p(values), scale=LOG1P_TPM.name)
    return turned, {f"turned from {_TPM} into {LOG1P_TPM.name}": len(values)}


def _people(pairs: ExpressionPairs, vcf: GivenGenotypes) -> tuple[list[str], int]:
    """People of the part with genotypes, and how many have none.

    Raises:
        InputError: there are none.
    """
    wanted = list(dict.fromkeys(pairs.donors[place] for place in np.unique(pairs.donor).tolist()))
    there = people_in(vcf)
    found = [name for name in wanted if name in set(there)]
    if not found:
        raise InputError(
            f"has none of the {len(wanted)} donors to train on: the expression has {', '.join(wanted[:3])}, the file "
            f"{', '.join(there[:3])}",
            file=genotype_source(vcf),
            remedy="Name donors as the file names its samples, in the expression and the split.",
        )
    if len(found) < len(wanted):
        missing = [name for name in wanted if name not in set(there)]
        logger.warning(
            "%d of %d donors to train on have no genotypes and are left out (%s ...)",
            len(missing),
            len(wanted),
            ", ".join(missing[:3]),
        )
    return found, len(wanted) - len(found)


def _genes(
    inputs: DosageInputs, finder: RegionFinder, values: ValuesByGene
) -> tuple[list[Gene], list[Gene], dict[str, int]]:
    """Genes that are fitted, those without values to train on, and why others are neither."""
    kept, unmeasured, left_out = list[Gene](), list[Gene](), Counter[str]()
    for number, gene in enumerate(inputs.genes):
        if inputs.only is not None and gene.gene_id not in inputs.only:
            continue
        if gene.chrom not in finder.contig_of:
            left_out["contig_not_in_fasta"] += 1
        elif values.first[number] == values.first[number + 1]:
            unmeasured.append(gene)
        else:
            kept.append(gene)
    if not kept:
        raise InputError(
            "no gene has a value to train on", remedy="Look at the split, and at the genes that are asked for."
        )
    return kept, unmeasured, dict(left_out)


@dataclass(frozen=True)
class FitJob:
    """What each process of a fit opens.

    Attributes:
        recipe, inputs: as of :func:`fit_dosages`.
        work: folder of the values and of the genes that are done.
        people: their names, by number.
        n_outputs: how many.
        is_log1p_tpm: whether the values are.
        priors: names of the priors, whose files are in ``work``.
    """

    recipe: DosageRecipe
    inputs: DosageInputs
    work: Path
    people: tuple[str, ...]
    n_outputs: int
    is_log1p_tpm: bool
    priors: tuple[str, ...] = ()

    def open(self) -> "FitWorker":
        """See ``Job``."""
        return FitWorker(self)


class FitWorker:
    """Fits genes.

    Args:
        job: what is fitted.
    """

    def __init__(self, job: FitJob) -> None:
        self._job = job
        self._reference = ReferenceGenome(job.inputs.fasta)
        self._values = ValuesByGene.load(job.work)
        self._number = {gene.gene_id: number for number, gene in enumerate(job.inputs.genes)}
        window = dosage_window(job.recipe.anchor, job.recipe.radius)
        self._finder = RegionFinder(job.inputs.genes, self._reference, window)
        reading = Reading(self._reference, job.inputs.min_probability)
        self._files = DosageFiles(job.inputs.vcf, reference=self._reference, reading=reading)
        self._priors: GenePriors | None = None
        if job.inputs.prior is not None:
            saved = [_prior_file(job.work, place) for place in range(len(job.priors))]
            self._priors = GenePriors(
                job.inputs.prior, job.priors, saved, job.n_outputs, self._reference, job.inputs.min_probability
            )

    def do(self, unit: Unit) -> None:
        """Fit a gene, see ``Worker``."""
        number = self._number[unit.content]
        rows = self._values.rows(number)
        people, person = np.unique(self._values.person[rows], return_inverse=True)
        variants, dosage = GeneVariants.nothing(), np.zeros((len(people), 0))
        left_out: dict[str, int] = {}
        prior = None
        which = self._job.recipe.filter
        if which is not None:
            found = self._dosages(number, [self._job.people[each] for each in people.tolist()])
            variants, dosage, filtered = imputed(found, which)
            left_out = {**found.left_out, **filtered}
            if self._priors is not None:
                gene = self._job.inputs.genes.genes[number]
                known = set(zip(found.position.tolist(), found.ref, found.alt, strict=True))
                window = self._finder.find(gene).window
                others = partial(self._others, window.chrom, found.samples, which)
                prior, variants, counts = self._priors.of_gene(
                    number, gene, window, variants, rare_ones(found, which), known, others
                )
                left_out |= counts
        data = GeneData(
            variants,
            dosage,
            person.astype(np.int64),
            np.asarray(self._values.output[rows], dtype=np.int64),
            np.asarray(self._values.value[rows], dtype=np.float64),
            self._job.n_outputs,
            self._job.is_log1p_tpm,
            prior,
        )
        _write_fit(fit_file(self._job.work, unit), self._job.recipe.fit(data), {"read": len(variants), **left_out})

    def _dosages(self, number: int, people: list[str]) -> Dosages:
        gene = self._job.inputs.genes.genes[number]
        try:
            return self._files.read(self._finder.find(gene).window, people)
        except ContigError:
            nothing = np.zeros(0, dtype=object)
            values = np.zeros((len(people), 0), dtype=np.int8)
            return Dosages(
                tuple(people), gene.chrom, np.zeros(0, dtype=np.int64), nothing, nothing, values, {_NO_CONTIG: 1}
            )

    def _others(
        self, chrom: str, people: Sequence[str], which: VariantFilter, variants: Sequence[Variant]
    ) -> tuple[GeneVariants, np.ndarray]:
        """Of variants in their one spelling those that the genotypes have, whatever they are spelt there."""
        if not variants:
            return GeneVariants.nothing(), np.zeros((len(people), 0))
        reading = Reading(self._reference, self._job.inputs.min_probability)
        with VariantDosages(self._job.inputs.vcf, people, self._reference, reading) as file:
            pieces = [(each.variant.copy(), each.values.T.copy()) for each in file.read(chrom, variants)]
        number = np.concatenate([np.zeros(0, dtype=np.int64), *(each for each, _ in pieces)])
        values = np.concatenate([np.zeros((len(people), 0), dtype=np.int8), *(each for _, each in pieces)], axis=1)
        asked = [variants[each] for each in number.tolist()]
        ref, alt = (np.array([getattr(each, name) for each in asked], dtype=object) for name in ("ref", "alt"))
        position = np.array([each.start for each in asked], dtype=np.int64)
        # Frequent and rare ones alike: no weight is fitted to any.
        whatever = replace(which, min_maf=-1.0)
        found = imputed(Dosages(tuple(people), chrom, position, ref, alt, values, {}), whatever)
        return found[0], found[1]

    def close(self) -> None:
        """See ``Worker``."""
        self._files.close()
        if self._priors is not None:
            self._priors.close()
        self._reference.close()


def _prior_file(work: Path, number: int) -> Path:
    return work / f"prior-{number}.parquet"


def _write_fit(path: Path, fit: GeneFit, variants: dict[str, int]) -> None:
    of_variants = {f"variants.{name}": array for name, array in fit.variants.arrays().items()}
    write_fit(path, {**fit.arrays, **of_variants}, {"rows": fit.rows, "n_read": fit.n_read, "variants": variants})


def _read_fit(path: Path) -> tuple[GeneFit, dict[str, int]]:
    """A fitted gene, and its variants by what became of them.

    Raises:
        InputError: the file is damaged.
    """
    arrays, said = read_fit(path)
    try:
        variants = GeneVariants.of_arrays({name: arrays.pop(f"variants.{name}") for name in GeneVariants.__slots__})
        return GeneFit(variants, arrays, said["rows"], int(said["n_read"])), said["variants"]
    except (KeyError, TypeError, ValueError) as error:
        raise damaged_fit(path, error) from error
