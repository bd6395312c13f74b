"""Training examples: the right sequences and labels, each once, in an order that can be resumed and split."""

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets.distributed import split_dataset_by_node
from genome_files import record, write_vcf
from small_cohort import DONORS, SmallCohort
from small_model import LENGTH, TISSUES

from variantformer_hf import PersonalGenome
from variantformer_hf.data.collators import ExpressionCollator
from variantformer_hf.data.donors import DonorGenomes
from variantformer_hf.data.examples import ExpressionExamples, expression_dataset
from variantformer_hf.data.expression_pairs import ExpressionPairs, expression_pairs
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError
from variantformer_hf.genome.interval import reverse_complement
from variantformer_hf.training.variantformer.activity_examples import (
    ActivityCollator,
    ActivityExamples,
    _activity_keys,
    activity_dataset,
    activity_rows,
)
from variantformer_hf.zoo.gene_regions import gene_sequences
from variantformer_hf.zoo.variantformer.token_rows import window_rows

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pairs(cohort: SmallCohort, split: Split) -> ExpressionPairs:
    predictor = cohort.world.predictor
    return expression_pairs(cohort.expression, split, "train", predictor.gene_table, predictor.tissue_names)


@pytest.fixture(scope="module")
def examples(cohort: SmallCohort, pairs: ExpressionPairs) -> ExpressionExamples:
    predictor = cohort.world.predictor
    return ExpressionExamples(pairs, cohort.genomes, predictor.model, n_tissues=2)


def test_pairs_are_the_values_of_the_part(cohort: SmallCohort, split: Split, pairs: ExpressionPairs) -> None:
    expression = cohort.expression
    samples = expression.samples.to_pylist()
    wanted = Counter(
        (samples[s]["donor"], expression.genes[g], samples[s]["tissue"], round(float(v), 5))
        for s, g, v in zip(expression.sample, expression.gene, expression.value, strict=True)
        if split.donors["LAB"][samples[s]["donor"]] == "train"
    )
    found: Counter = Counter()
    for pair in range(len(pairs)):
        donor, gene = pairs.donors[pairs.donor[pair]], pairs.genes[pairs.gene[pair]]
        for tissue, value in zip(*pairs.values(pair), strict=True):
            found[donor, gene, TISSUES[tissue], round(float(value), 5)] += 1
    assert found == wanted
    train = [each for each in samples if split.donors["LAB"][each["donor"]] == "train"]
    counts = Counter(each["tissue"] for each in train)
    assert pairs.tissue_weights == {TISSUES.index(name): 1 / count for name, count in counts.items()}


def test_a_pair_is_of_its_donors_part_and_of_its_genes(cohort: SmallCohort, split: Split) -> None:
    table, tissues = cohort.world.predictor.gene_table, cohort.world.predictor.tissue_names
    first, second = (gene.gene_id for gene in table.genes[:2])
    whole = expression_pairs(cohort.expression, split, "test", table, tissues)
    with_genes = split.with_genes({first: "train", second: "test"})
    of_part = {
        name: expression_pairs(cohort.expression, with_genes, "test", table, tissues, gene_part=name)
        for name in ("train", "test")
    }
    assert {len(pairs) for pairs in of_part.values()} == {len(whole) // 2}
    for name, pairs in of_part.items():
        assert {pairs.genes[gene] for gene in pairs.gene} == {first if name == "train" else second}
        assert {split.donors["LAB"][pairs.donors[donor]] for donor in pairs.donor} == {"test"}
        assert pairs.n_without_gene_part == 0
    only = expression_pairs(cohort.expression, split.with_genes({first: "train"}), "test", table, tissues)
    assert only.n_without_gene_part == len(whole.tissue) - len(only.tissue) > 0
    with pytest.raises(InputError, match="the part test has no value of genes of the part validation"):
        expression_pairs(cohort.expression, with_genes, "test", table, tissues, gene_part="validation")


def test_tissues_are_drawn_with_their_weights(pairs: ExpressionPairs) -> None:
    pair = next(pair for pair in range(len(pairs)) if len(pairs.values(pair)[0]) == 3)
    uneven = ExpressionPairs(
        **{**{f: getattr(pairs, f) for f in pairs.__dataclass_fields__}, "tissue_weights": {0: 1.0, 1: 0.1, 2: 0.1}}
    )
    firsts = Counter(int(uneven.drawn(pair, 1, (0, epoch))[0][0]) for epoch in range(600))
    assert firsts[0] / 600 == pytest.approx(1 / 1.2, abs=0.06)
    tissues, labels = pairs.drawn(pair, 2, (0, 1))
    assert len(set(tissues.tolist())) == 2
    known = dict(zip(*(each.tolist() for each in pairs.values(pair)), strict=True))
    assert [known[tissue] for tissue in tissues.tolist()] == labels.tolist()
    more, labels = pairs.drawn(pair, 5, (0, 1))
    assert len(more) == 5
    assert np.isnan(labels[3:]).all()


def test_examples_are_the_donors_sequences(cohort: SmallCohort, examples: ExpressionExamples) -> None:
    world, processor = cohort.world, cohort.world.predictor.model.processor
    for pair in (0, 3, len(examples.pairs) - 1):
        example = examples({"epoch": 0, "pair": pair})
        donor = examples.pairs.donors[examples.pairs.donor[pair]]
        gene = examples.pairs.genes[examples.pairs.gene[pair]]
        person = PersonalGenome(world.reference, cohort.vcf, donor)
        found = gene_sequences(world.regions(gene.split(".")[0]), person.sequences)
        encoded = processor.tokenizer.encode_sequences([each for each in found.cre_sequences if each])
        tokens = example["gene"].tokens
        assert [list(each[:24]) for each in tokens.elements] == [list(each[:24]) for each in encoded]
        window = processor.tokenizer.encode_sequences([found.gene_sequence])[0][: 24 * 12]
        assert window_rows(tokens.window, processor).ragged().values.tolist() == list(window)


def test_a_batch_predicts_what_each_gene_does(cohort: SmallCohort, examples: ExpressionExamples) -> None:
    predictor = cohort.world.predictor
    chosen = [examples({"epoch": 0, "pair": pair}) for pair in (0, 1, 5)]
    whole = ExpressionCollator(predictor.model)(chosen)
    encoder = predictor.model.network.model.cre_encoder

    def vectors(tokens: list[np.ndarray]) -> np.ndarray:
        ids, mask = predictor.model._rows([tokens])
        with torch.inference_mode():
            return encoder(ids[0], mask[0]).pooler_output.numpy()

    with_vectors = predictor.model.without_network()
    with_vectors.element_vectors = vectors
    looked_up = ExpressionCollator(with_vectors)(chosen)
    assert "cre_input_ids" not in looked_up
    with torch.inference_mode():
        together = predictor.model.network(**whole)
        by_vectors = predictor.model.network(**looked_up)
        assert float(together.loss) == pytest.approx(float(by_vectors.loss), abs=1e-5)
        for row, example in enumerate(chosen):
            alone = predictor.model.network(**ExpressionCollator(predictor.model)([example]))
            torch.testing.assert_close(together.logits[row], alone.logits[0], atol=2e-5, rtol=0)
            torch.testing.assert_close(by_vectors.logits[row], alone.logits[0], atol=2e-5, rtol=0)


def order_of(dataset) -> list[tuple]:  # type: ignore[no-untyped-def]
    return [(each["pair"], tuple(each["outputs"]), tuple(each["labels"])) for each in dataset]


def test_an_epoch_has_every_pair_once_and_can_be_repeated(examples: ExpressionExamples) -> None:
    first = order_of(expression_dataset(examples, epoch=3, shards=4))
    n = len(examples.pairs)
    assert sorted(pair for pair, *_ in first) == list(range(n))
    assert str(order_of(expression_dataset(examples, epoch=3, shards=4))) == str(first)
    assert str(order_of(expression_dataset(examples, epoch=4, shards=4))) != str(first)
    plain = order_of(expression_dataset(examples, shuffle=False, shards=1))
    assert [pair for pair, *_ in plain] == list(range(n))


def test_an_epoch_goes_on_from_a_saved_state(examples: ExpressionExamples) -> None:
    whole = order_of(expression_dataset(examples, epoch=1, shards=4))
    for stop in (1, 5, len(whole) - 1):
        dataset = expression_dataset(examples, epoch=1, shards=4)
        seen = []
        for example in dataset:
            seen.append((example["pair"], tuple(example["outputs"]), tuple(example["labels"])))
            if len(seen) == stop:
                state = pickle.loads(pickle.dumps(dataset.state_dict()))
                break
        again = expression_dataset(examples, epoch=1, shards=4)
        again.load_state_dict(state)
        assert str(seen + order_of(again)) == str(whole)


@pytest.mark.parametrize(("processes", "workers", "shards"), [(2, 0, 6), (3, 2, 6), (5, 0, 48), (4, 3, 5), (11, 0, 7)])
def test_processes_and_workers_share_without_loss_or_repeats(
    examples: ExpressionExamples, processes: int, workers: int, shards: int
) -> None:
    """By our own shares and by those of datasets, whether or not the numbers divide."""
    whole = [pair for pair, *_ in order_of(expression_dataset(examples, shards=shards))]
    ours, of_datasets = [], []
    for rank in range(processes):
        part = expression_dataset(examples, shards=shards, share=(rank, processes))
        loader = torch.utils.data.DataLoader(part, batch_size=None, num_workers=workers)
        mine = [int(each["pair"]) for each in loader]
        assert Counter(mine) == Counter(whole[rank::processes])
        assert workers or mine == whole[rank::processes]
        ours += mine
        part = split_dataset_by_node(expression_dataset(examples, shards=shards), rank, processes)
        of_datasets += [int(each["pair"]) for each in part]
    assert Counter(ours) == Counter(of_datasets) == Counter(range(len(examples.pairs)))


@pytest.mark.parametrize("call", ["1|1", "./."])
def test_a_gene_that_a_donor_lacks_has_no_label(
    cohort: SmallCohort, examples: ExpressionExamples, tmp_path: Path, call: str
) -> None:
    """Its window is deleted, or no record of it has a genotype, so that nobody knows how the donor reads there."""
    genome = cohort.world.genome
    line = record(1_741, genome[1_740:2_960], genome[1_740], *[call] * len(DONORS))
    vcf = write_vcf(tmp_path / "deleted.vcf.gz", [line], contigs={"chr1": LENGTH, "chrX": 200}, samples=DONORS)
    predictor = cohort.world.predictor
    lacking = ExpressionExamples(
        examples.pairs, DonorGenomes(cohort.world.reference.path, {"LAB": vcf}), predictor.model
    )
    genomes = DonorGenomes(cohort.world.reference.path, {"LAB": vcf})
    genomes.check_contigs("LAB", {donor: ["chr1"] for donor in DONORS}, "genes")
    with pytest.raises(
        InputError, match=r"deleted\.vcf\.gz: donor D1: has no record on chrX, where genes of the donor"
    ):
        genomes.check_contigs("LAB", {"D0": ["chr1"], "D1": ["chr1", "chrX"]}, "genes")
    pair = next(p for p in range(len(examples.pairs)) if examples.pairs.gene[p] == 0)
    example = lacking({"epoch": 0, "pair": pair})
    assert np.isnan(example["labels"]).all()
    with torch.inference_mode():
        output = predictor.model.network(**ExpressionCollator(predictor.model)([example]))
    assert float(output.loss) == 0


def test_what_cannot_be_read_of_a_donor_is_no_reference_example(
    cohort: SmallCohort, examples: ExpressionExamples, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file without the chromosome, and one without a genotype that could be used: no label, and the reason once."""
    predictor = cohort.world.predictor
    contigs = {"chr1": LENGTH, "chrX": 200}
    genome = cohort.world.genome
    lines = {
        "not_in_vcf": [record(5, "A", "C", *["0|1"] * len(DONORS)).replace("chr1", "chrX")],
        "all_skipped: missing_genotype": [
            record(at, genome[at - 1], "A" if genome[at - 1] != "A" else "C", *["./."] * len(DONORS))
            for at in range(20, LENGTH - 20, 50)
        ],
    }
    for reason, records in lines.items():
        vcf = write_vcf(tmp_path / f"{reason[:5]}.vcf.gz", records, contigs=contigs, samples=DONORS)
        lacking = ExpressionExamples(
            examples.pairs, DonorGenomes(cohort.world.reference.path, {"LAB": vcf}), predictor.model
        )
        caplog.clear()
        for _ in range(2):
            assert np.isnan(lacking({"epoch": 0, "pair": 0})["labels"]).all()
        assert list(lacking.unused.values()) == [reason]
        assert caplog.text.count(f"is not used ({reason})") == 1
        for pair in range(len(lacking.pairs)):
            lacking.gene(pair)
        with pytest.raises(InputError, match=f"none of the . genes of D. .LAB. can be used .{reason}"):
            lacking.check_used()


# Stage 1 --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def activity(cohort: SmallCohort) -> ActivityExamples:
    rows = activity_rows(cohort.activity, cohort.world.predictor.model.cre_table, ["chr21"], cohort="LAB", inside=False)
    return ActivityExamples(
        rows, cohort.genomes, cohort.world.predictor.model.cre_table, cohort.world.predictor.model.processor
    )


def test_both_strands_and_the_label(cohort: SmallCohort, activity: ActivityExamples) -> None:
    table = cohort.activity.table.to_pylist()
    cres = cohort.world.predictor.model.cre_table
    tokenizer = cohort.world.predictor.model.processor.tokenizer
    found = list(activity_dataset(activity, shuffle=False, shards=1))
    assert len(found) == len(table)
    by_donor = sorted(range(len(table)), key=lambda row: DONORS.index(table[row]["donor"]))
    for example, row in list(zip(found, by_donor, strict=True))[::17]:
        wanted = table[row]
        assert example["label"] == wanted["label"]
        assert TISSUES[example["tissue_id"]] == wanted["tissue"]
        place = cres.table.slice(wanted["element"], 1).to_pylist()[0]
        person = PersonalGenome(cohort.world.reference, cohort.vcf, wanted["donor"])
        sequence = person.sequence(place["chrom"], place["start"] - 10, place["end"] + 10)
        for name, text in (("forward_tokens", sequence), ("reverse_tokens", reverse_complement(sequence))):
            assert list(example[name]) == list(tokenizer.encode_sequences([text])[0][:24])
        assert example["context_id"] == cres.class_ids[wanted["element"]]


def test_every_batch_holds_as_many_of_each_donor(activity: ActivityExamples) -> None:
    rows = activity.rows
    donor_of = {int(row): number for number, mine in enumerate(rows.of_donor) for row in mine}
    seen: list[int] = []
    original = type(activity).__call__

    class Recorder(ActivityExamples):
        def __call__(self, keys):  # type: ignore[no-untyped-def]
            seen.extend(keys["row"])
            return original(self, keys)

    recorder = Recorder.__new__(Recorder)
    recorder.__dict__.update(activity.__dict__)
    n = len(list(activity_dataset(recorder, epoch=2, shards=2)))
    assert n == len(seen) == len(rows)
    for first in range(0, n - 5, 6):
        assert Counter(donor_of[row] for row in seen[first : first + 6]) == {0: 2, 1: 2, 2: 2}
    most = max(Counter(seen).values())
    assert most <= 2  # who has fewer labels begins again
    again: list[int] = []
    seen.clear()
    for _ in activity_dataset(recorder, epoch=2, shards=2):
        pass
    again = list(seen)
    seen.clear()
    for _ in activity_dataset(recorder, epoch=3, shards=2):
        pass
    assert again != seen


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 6, 7, 48])
@pytest.mark.parametrize("n_donors", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("shards", [1, 5])
def test_each_process_sees_all_donors_in_turn_and_all_see_each_label_once(
    processes: int, n_donors: int, shards: int
) -> None:
    sizes = (24,) * n_donors
    found: Counter = Counter()
    for rank in range(processes):
        options = {"sizes": sizes, "epoch": 1, "seed": 0, "shuffle": True, "share": (rank, processes)}
        keys = list(_activity_keys(list(range(shards)), shards, **options))
        found.update((key["donor"], key["place"]) for key in keys)
        for first in range(0, len(keys) - n_donors + 1, n_donors):
            assert {key["donor"] for key in keys[first : first + n_donors]} == set(range(n_donors))
    assert found == Counter((donor, place) for donor in range(n_donors) for place in range(24))


def test_stage_one_batches(cohort: SmallCohort, activity: ActivityExamples) -> None:
    found = list(activity_dataset(activity, epoch=0, shards=1))[:4]
    batch = ActivityCollator(cohort.world.predictor.model.processor, with_context=True)(found)
    assert batch["input_ids"].shape == (4, 2, 24)
    for row, example in enumerate(found):
        for strand, name in enumerate(("forward_tokens", "reverse_tokens")):
            n = len(example[name])
            assert batch["input_ids"][row, strand, :n].tolist() == list(example[name])
            assert batch["attention_mask"][row, strand].sum() == n
    assert batch["labels"].tolist() == [example["label"] for example in found]
    assert batch["context_ids"].tolist() == [example["context_id"] for example in found]


# Bad input ------------------------------------------------------------------------------------------------------------


def test_donors_that_have_no_genotypes(cohort: SmallCohort, tmp_path: Path) -> None:
    cohort.genomes.check("LAB", DONORS)
    with pytest.raises(InputError, match=r"cohort\.vcf\.gz: X9: lacks 1 of 2 donors of LAB"):
        cohort.genomes.check("LAB", ["D0", "X9"])
    with pytest.raises(InputError, match="no genotypes are given for the cohort OTHER"):
        cohort.genomes.check("OTHER", ["D0"])
    single = DonorGenomes(cohort.world.reference.path, {"LAB": {"D0": tmp_path / "none.vcf.gz"}})
    with pytest.raises(InputError, match="none"):
        single.check("LAB", ["D0"])


def test_parts_and_tables_that_do_not_fit(cohort: SmallCohort, split: Split) -> None:
    predictor = cohort.world.predictor
    with pytest.raises(InputError, match="the part validation has no value"):
        expression_pairs(cohort.expression, split, "validation", predictor.gene_table, predictor.tissue_names)
    with pytest.raises(InputError, match="does not know D0 of LAB"):
        expression_pairs(cohort.expression, Split({"LAB": {}}), "train", predictor.gene_table, predictor.tissue_names)
    with pytest.raises(ValueError, match="no label lies on chr21"):
        activity_rows(cohort.activity, predictor.model.cre_table, ["chr21"], cohort="LAB", inside=True)
