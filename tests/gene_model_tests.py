"""What every model of the zoo passes: a mixin of tests over one case."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from command_line import run
from one_batch import LABELS, one_batch_run, step_losses

from variantformer_hf import ExpressionPredictor, PersonalGenome, ReferenceGenome
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.errors import InputError
from variantformer_hf.genome import GenotypeOptions
from variantformer_hf.genome.options import MODES
from variantformer_hf.inference.run_limits import RunLimits
from variantformer_hf.zoo.families import load_gene_model
from variantformer_hf.zoo.gene_model import GeneModel

TOLERANCE = 2e-5


@dataclass(frozen=True)
class Case:
    """A model folder and what it is asked about.

    Attributes:
        model: folder of a small model.
        fasta, vcf: a genome, and one person's variants in the regions of the genes.
        genes: names of two genes of the model.
        tissues: names of two of its outputs.
        variants: (as text) SNVs of which each changes the prediction of the first gene.
        panel: a VCF of common variants in the regions of the first gene, with INFO AF.
        eqtls: a table of variants of the first gene with slopes.
        plain: (model, person, gene, outputs) -> values, (T,), by a way of its own without any shortcut.
    """

    model: Path
    fasta: Path
    vcf: Path
    genes: tuple[str, str]
    tissues: tuple[str, str]
    variants: tuple[str, ...]
    panel: Path
    eqtls: Path
    plain: Callable[[Any, PersonalGenome, str, Sequence[int]], np.ndarray]


@lru_cache(maxsize=1)
def loaded(folder: Path) -> GeneModel:
    """The model of a case, loaded once for all of its tests, none of which changes it."""
    return load_gene_model(folder, device="cpu", precision="float32")


def asked(command: str, model: Path, **options: object) -> list[object]:
    """A command's arguments: of ``fasta=FILE`` the option ``--fasta FILE``."""
    pairs = {**options, "device": "cpu"}
    return [command, model, *(part for name, value in pairs.items() for part in (f"--{name}", value))]


class GeneModelTests:
    """Subclass it with a fixture ``case``.

    Attributes:
        epochs, learning_rate: in and at which the model learns one batch.
        is_constant: whether the model says the same of everybody.
    """

    epochs: ClassVar[int] = 150
    learning_rate: ClassVar[float] = 0.02
    is_constant: ClassVar[bool] = False

    @pytest.fixture
    def gene_model(self, case: Case) -> GeneModel:
        return loaded(case.model)

    def person(self, case: Case, mode: str | None = None) -> PersonalGenome:
        options = GenotypeOptions() if mode is None else GenotypeOptions(mode=mode)
        return PersonalGenome(ReferenceGenome(case.fasta), case.vcf, options=options)

    def outputs(self, case: Case, model: GeneModel) -> list[int]:
        found, unknown = model.tissue_names.resolve(case.tissues)
        assert not unknown
        return [each.id for each in found]

    def table(self, path: Path) -> pd.DataFrame:
        return pd.read_csv(path, sep="\t", keep_default_na=True)

    def succeeds(self, *arguments: object) -> str:
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: object) -> str:
        """The one line of a command that is refused."""
        done = run(*arguments)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        assert len(lines) == 1, done.stderr
        return lines[0]

    def test_what_is_saved_is_what_is_loaded(self, case: Case, gene_model: GeneModel, tmp_path: Path) -> None:
        gene_model.save(tmp_path / "again")
        again = load_gene_model(tmp_path / "again", device="cpu", precision="float32")
        assert again.companions() == gene_model.companions()
        assert (again.unit, again.assembly, again.chromosomes) == (
            gene_model.unit,
            gene_model.assembly,
            gene_model.chromosomes,
        )
        first, second = (
            ExpressionPredictor(model).predict(case.fasta, case.vcf, genes=case.genes, tissues=case.tissues)
            for model in (gene_model, again)
        )
        pd.testing.assert_frame_equal(first, second)

    def test_predictions_are_those_of_the_plain_way(self, case: Case, gene_model: GeneModel) -> None:
        outputs, column = self.outputs(case, gene_model), gene_model.unit.column
        table = ExpressionPredictor(gene_model).predict(
            case.fasta, case.vcf, genes=case.genes, tissues=case.tissues, mode=gene_model.modes[0]
        )
        person = self.person(case, gene_model.modes[0])
        expected = np.concatenate([case.plain(gene_model, person, gene, outputs) for gene in case.genes])
        np.testing.assert_allclose(table[column], expected, atol=TOLERANCE)
        reference = ExpressionPredictor(gene_model).predict(case.fasta, genes=case.genes, tissues=case.tissues)
        assert np.allclose(table[column], reference[column]) == self.is_constant

    def test_a_batch_gives_what_each_gene_gives_alone(self, case: Case, gene_model: GeneModel) -> None:
        person, outputs = self.person(case, gene_model.modes[0]), self.outputs(case, gene_model)
        opened = gene_model.open(person.reference)
        regions = [opened.finder.find(gene_model.gene_table.get(gene)) for gene in case.genes]
        inputs = [opened.read(person, each) for each in regions]
        together = opened.predict([*inputs, inputs[0]], outputs)
        alone = [opened.predict([each], outputs)[0] for each in inputs]
        for found, expected in zip(together, [*alone, alone[0]], strict=True):
            assert found.status == expected.status == "ok"
            np.testing.assert_allclose(found.values, expected.values, atol=TOLERANCE)
        ids = np.tile(np.array(outputs), (2, 1))
        labels = np.array([[1.0, np.nan], [0.5, 2.0]], dtype=np.float32)
        found = gene_model.network(**gene_model.batch(inputs, ids, labels), return_dict=True)
        assert found.logits.shape == (2, 2)
        assert np.isfinite(float(found.loss.detach()))

    def test_modes(self, case: Case, gene_model: GeneModel) -> None:
        outputs = self.outputs(case, gene_model)
        for mode in gene_model.modes:
            table = ExpressionPredictor(gene_model).predict(
                case.fasta, case.vcf, genes=case.genes[:1], tissues=case.tissues, mode=mode
            )
            expected = case.plain(gene_model, self.person(case, mode), case.genes[0], outputs)
            np.testing.assert_allclose(table[gene_model.unit.column], expected, atol=TOLERANCE, err_msg=mode)
        for mode in set(MODES) - set(gene_model.modes):
            with pytest.raises(InputError, match=f"does not read genotypes as '{mode}'"):
                ExpressionPredictor(gene_model).predict(case.fasta, case.vcf, mode=mode)
            with pytest.raises(InputError, match=f"does not read genotypes as '{mode}'"):
                VariantScorer(gene_model).score(case.variants[:1], self.person(case, mode), genes=case.genes[0])

    def test_a_run_that_was_cut_short_goes_on(self, case: Case, gene_model: GeneModel, tmp_path: Path) -> None:
        limits = RunLimits(genes=1, unit_genes=1)
        predictor, parts = ExpressionPredictor(gene_model, limits=limits), tmp_path / "parts"
        options: dict[str, Any] = {"genes": case.genes, "tissues": case.tissues}
        whole = ExpressionPredictor(gene_model).run(case.fasta, case.vcf, **options).table

        class Stopped(Exception):
            pass

        def stop(done: int, total: int) -> None:
            if done > 1:  # the unit before, of one gene, is written
                raise Stopped

        with pytest.raises(Stopped):
            predictor.run(case.fasta, case.vcf, parts=parts, on_gene=stop, **options)
        assert [path for path in (parts / "_units").iterdir() if path.is_file()]
        seen: list[int] = []
        again = predictor.run(case.fasta, case.vcf, parts=parts, on_gene=lambda done, _: seen.append(done), **options)
        assert seen[0] == 1
        pd.testing.assert_frame_equal(again.table, whole, atol=TOLERANCE, rtol=0)

    def test_bfloat16_has_a_head_in_float32(self, case: Case, gene_model: GeneModel) -> None:
        rounded = load_gene_model(case.model, device="cpu", precision="bfloat16")
        opened, outputs = rounded.open(ReferenceGenome(case.fasta)), self.outputs(case, rounded)
        regions = opened.finder.find(rounded.gene_table.get(case.genes[0]))
        given = opened.read(self.person(case, rounded.modes[0]), regions)
        logits = rounded.network(**rounded.batch([given], np.array([outputs])), return_dict=True).logits
        assert str(logits.dtype) == "torch.float32"
        exact = gene_model.open(opened.reference).predict([given], outputs)[0].values
        np.testing.assert_allclose(opened.predict([given], outputs)[0].values, exact, rtol=0.05, atol=0.05)

    def test_effects_are_differences_of_predictions(self, case: Case, gene_model: GeneModel) -> None:
        from variantformer_hf.genome import EditedGenome, GenotypeEdit, Variant

        outputs, column = self.outputs(case, gene_model), gene_model.unit.column
        carrier = self.person(case, gene_model.modes[0])
        for person in (carrier, PersonalGenome(carrier.reference, options=carrier.options)):
            table = VariantScorer(gene_model).score(
                list(case.variants), person, genes=case.genes[0], tissues=case.tissues, zygosity=["hom"]
            )
            assert set(table["status"]) == {"ok"}
            for text, rows in table.groupby("variant", sort=False):
                for name, end in (("absent", "ref"), ("hom", "alt")):
                    edited = EditedGenome(person, [GenotypeEdit(Variant.parse(str(text)), name)])
                    expected = case.plain(gene_model, edited, case.genes[0], outputs)
                    np.testing.assert_allclose(rows[f"{column}_{end}"], expected, atol=TOLERANCE, err_msg=str(text))
                assert (rows["effect"].abs() > rows["noise_floor"]).any() != self.is_constant

    def test_predict(self, case: Case, gene_model: GeneModel, tmp_path: Path) -> None:
        output = tmp_path / "out.tsv"
        arguments = [each for gene in case.genes for each in ("--gene", gene)]
        arguments += [each for tissue in case.tissues for each in ("--tissue", tissue)]
        self.succeeds(*asked("predict", case.model, fasta=case.fasta, vcf=case.vcf, output=output), *arguments)
        found = self.table(output)
        expected = ExpressionPredictor(gene_model).predict(case.fasta, case.vcf, genes=case.genes, tissues=case.tissues)
        assert list(found.columns) == list(expected.columns)
        np.testing.assert_allclose(found[gene_model.unit.column], expected[gene_model.unit.column], rtol=1e-5)
        assert ("tpm" in found.columns) == gene_model.unit.is_log1p_tpm
        assert f'"unit": "{gene_model.unit.name}"' in (tmp_path / "out.tsv.report.json").read_text()

    def test_effects(self, case: Case, gene_model: GeneModel, tmp_path: Path) -> None:
        variants, output = tmp_path / "variants.txt", tmp_path / "effects.tsv"
        variants.write_text("".join(f"{each}\n" for each in case.variants))
        self.succeeds(
            *asked(
                "effects",
                case.model,
                variants=variants,
                fasta=case.fasta,
                vcf=case.vcf,
                gene=case.genes[0],
                tissue=case.tissues[0],
                output=output,
            )
        )
        found, column = self.table(output), gene_model.unit.column
        assert {f"{column}_ref", f"{column}_alt", "effect"} <= set(found.columns)
        assert ({"log2fc_tpm", "released_score"} <= set(found.columns)) == gene_model.unit.is_log1p_tpm
        difference = found[f"{column}_alt"] - found[f"{column}_ref"]
        np.testing.assert_allclose(found["effect"], difference, atol=TOLERANCE)
        hom = found[found["zygosity"] == "hom"]
        assert (hom["effect"] != 0).all() != self.is_constant

    def test_mutagenesis(self, case: Case, gene_model: GeneModel, tmp_path: Path) -> None:
        from safetensors.numpy import load_file

        output = tmp_path / "scan.safetensors"
        chrom, position = case.variants[0].split(":")[:2]
        start = int("".join(letter for letter in position if letter.isdigit())) - 1
        self.succeeds(
            *asked(
                "mutagenesis",
                case.model,
                gene=case.genes[0],
                region=f"{chrom}:{start + 1}-{start + 3}",
                fasta=case.fasta,
                tissue=case.tissues[0],
                output=output,
            )
        )
        arrays = load_file(output)
        assert f"0.{gene_model.unit.column}" in arrays
        scorer, reference = VariantScorer(gene_model), ReferenceGenome(case.fasta)
        held = reference.sequence(chrom, start, start + 3).upper()
        places = [(place, other) for place, base in enumerate(held) for other in "ACGT" if other != base]
        table = scorer.score(
            [f"{chrom}:{start + place + 1}:{held[place]}>{other}" for place, other in places],
            reference,
            genes=case.genes[0],
            tissues=case.tissues[:1],
            zygosity=["hom"],
        )
        expected = np.zeros((3, 4))
        for (place, other), effect in zip(places, table["effect"], strict=True):
            expected[place, "ACGT".index(other)] = effect
        np.testing.assert_allclose(arrays["0.substitutions"][:, :, 0], expected, atol=TOLERANCE)

    def test_counterfactual(self, case: Case, gene_model: GeneModel, tmp_path: Path) -> None:
        variants, output = tmp_path / "edits.txt", tmp_path / "carriers.tsv"
        variants.write_text(f"{case.variants[0]}\n")
        self.succeeds(
            *asked(
                "counterfactual",
                case.model,
                edits=variants,
                fasta=case.fasta,
                vcf=case.vcf,
                gene=case.genes[0],
                tissue=case.tissues[0],
                output=output,
            )
        )
        found, column = self.table(output), gene_model.unit.column
        expected = VariantScorer(gene_model).score(
            case.variants[:1],
            self.person(case, gene_model.modes[0]),
            genes=case.genes[0],
            tissues=case.tissues[:1],
            zygosity=["hom"],
        )
        np.testing.assert_allclose(found[f"{column}_edited"], expected[f"{column}_alt"], atol=TOLERANCE)
        assert ("log2fc_tpm" in found.columns) == gene_model.unit.is_log1p_tpm

    def test_null_and_quantiles(self, case: Case, tmp_path: Path) -> None:
        null, variants, output = tmp_path / "null.parquet", tmp_path / "variants.txt", tmp_path / "effects.tsv"
        variants.write_text(f"{case.variants[0]}\n")
        self.succeeds(
            *asked(
                "null",
                case.model,
                panel=case.panel,
                fasta=case.fasta,
                gene=case.genes[0],
                tissue=case.tissues[0],
                output=null,
            )
        )
        assert np.isfinite(pd.read_parquet(null)["effect"]).all()
        self.succeeds(
            *asked(
                "effects",
                case.model,
                variants=variants,
                fasta=case.fasta,
                gene=case.genes[0],
                tissue=case.tissues[0],
                null=null,
                output=output,
            )
        )
        assert (self.table(output)["null_size"] > 0).any()

    # Effects and a table: each is looked at by itself, here and in test_analysis_eqtl_methods.
    @pytest.mark.slow
    def test_eqtl(self, case: Case, tmp_path: Path) -> None:
        output = tmp_path / "eqtl.tsv"
        arguments = asked("eqtl", case.model, table=case.eqtls, fasta=case.fasta, tissue=case.tissues[0])
        self.succeeds(*arguments, "-o", output)
        assert (self.table(output)["n"] > 0).any()

    def test_a_knock_out_is_done_or_refused(self, case: Case, gene_model: GeneModel, tmp_path: Path) -> None:
        output = tmp_path / "knockout.tsv"
        arguments = asked(
            "knockout", case.model, gene=case.genes[0], fasta=case.fasta, tissue=case.tissues[0], output=output
        )
        if gene_model.abilities.cres:
            self.succeeds(*arguments)
            assert f"{gene_model.unit.column}_without" in self.table(output).columns
        else:
            assert "reads cCREs one by one" in self.refused(*arguments)
            assert not output.exists()

    def test_attention_over_cres_is_written_or_refused(self, case: Case, gene_model: GeneModel, tmp_path: Path) -> None:
        output = tmp_path / "attention.tsv"
        arguments = asked(
            "attention", case.model, gene=case.genes[0], fasta=case.fasta, tissue=case.tissues[0], output=output
        )
        if gene_model.abilities.cre_attention:
            self.succeeds(*arguments)
            of_pairs = self.table(output).groupby(["layer", "head"])["weight"].sum()
            np.testing.assert_allclose(of_pairs, 1, atol=1e-5)
        else:
            assert "attention needs a model that attends to cCREs" in self.refused(*arguments)
            assert not output.exists()

    def test_an_output_or_a_score_of_another_model_is_refused(
        self, case: Case, gene_model: GeneModel, tmp_path: Path
    ) -> None:
        line = self.refused(
            *asked("predict", case.model, fasta=case.fasta, tissue="no such output", output=tmp_path / "out.tsv")
        )
        assert "no such output" in line
        if not gene_model.unit.is_log1p_tpm:
            arguments = asked("eqtl", case.model, table=case.eqtls, fasta=case.fasta, tissue=case.tissues[0])
            line = self.refused(*arguments, "--score", "log2fc_tpm", "-o", tmp_path / "other.tsv")
            assert gene_model.unit.name in line

    def test_the_pipeline(self, case: Case, gene_model: GeneModel) -> None:
        import transformers

        import variantformer_hf.pipelines  # noqa: F401 -- registers the task

        pipe = transformers.pipeline("personal-gene-expression", model=str(case.model), device="cpu")
        rows = pipe(fasta=case.fasta, vcf=case.vcf, genes=list(case.genes), tissues=list(case.tissues))
        expected = ExpressionPredictor(gene_model).predict(case.fasta, case.vcf, genes=case.genes, tissues=case.tissues)
        column = gene_model.unit.column
        np.testing.assert_allclose([row[column] for row in rows], expected[column], atol=TOLERANCE)
        assert ("tpm" in rows[0]) == gene_model.unit.is_log1p_tpm

    def test_what_would_be_published(self, case: Case, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(case.model, tmp_path / "model"))
        card = resources.files("variantformer_hf") / "model_cards" / "variantformer-pcg.md"
        (folder / "README.md").write_text(card.read_text(encoding="utf-8"))
        done = run("publish", folder, "me/model", "--dry-run")
        assert done.returncode == 0, done.stderr
        assert "dry run: nothing was sent" in done.stderr
        said = set((done.stdout + done.stderr).split())
        assert {"config.json", "genes.parquet", "model.safetensors", "README.md"} <= said

    @pytest.mark.slow
    def test_one_batch_can_be_learned(self, case: Case, gene_model: GeneModel, tmp_path: Path) -> None:
        config = one_batch_run(case, gene_model, tmp_path, epochs=self.epochs, learning_rate=self.learning_rate)
        assert '"pairs": 2' in self.succeeds("train", "expression", "--config", config, "--dry-run")
        self.succeeds("train", "expression", "--config", config)
        losses = step_losses(tmp_path / "run")
        assert losses[-1] < losses[0]
        away = []
        for model in (case.model, tmp_path / "run" / "last"):
            table = ExpressionPredictor.from_pretrained(model, device="cpu").predict(
                case.fasta, case.vcf, genes=case.genes, tissues=case.tissues, mode=gene_model.modes[0]
            )
            found = table.pivot(index="gene_name", columns="tissue", values=gene_model.unit.column)
            away.append(float(np.abs(found.loc[list(case.genes), list(case.tissues)] - LABELS).to_numpy().mean()))
        assert away[1] < 0.2 * away[0]
