"""People appended to a cohort: found by its name, and read as from their own file."""

import multiprocessing
import random
from pathlib import Path
from typing import Any

import pytest
from command_line import invoke
from genome_files import write_fasta, write_vcf
from random_variants import BCFTOOLS_MODES, random_genome, random_genotype, random_records
from web_server import web_server

from variantformer_hf.errors import AssemblyError, InputError, SampleError
from variantformer_hf.genome import PersonalGenome, ReferenceGenome, VariantTally
from variantformer_hf.genome.appended_people import Appended, append, appended_to, lists_of
from variantformer_hf.genome.appending import people_in
from variantformer_hf.genome.cohort_files import contents_of
from variantformer_hf.genome.options import GenotypeOptions
from variantformer_hf.genome.store_layout import default_store
from variantformer_hf.genome.variant_files import genotype_source
from variantformer_hf.inference.people import open_people
from variantformer_hf.remote import mirror

CONTIGS = ("chr1", "chr2")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARIANTFORMER_CACHE", str(tmp_path / "cache"))


class World:
    """A genome, and files of people of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.genomes = {contig: random_genome(self.rng, 300) for contig in CONTIGS}
        self.reference = ReferenceGenome(write_fasta(folder / "genome.fa", self.genomes))
        self.lengths = {contig: len(genome) for contig, genome in self.genomes.items()}

    def sites(self) -> list[list[str]]:
        return [
            [contig, *line.split("\t")[1:9]]
            for contig in CONTIGS
            for line in random_records(self.rng, self.genomes[contig], 25)
        ]

    def calls(self, sites: list[list[str]], n: int) -> list[list[str]]:
        return [[random_genotype(self.rng, site[4].count(",") + 1) for _ in range(n)] for site in sites]

    def write(self, name: str, sites: list[list[str]], calls: list[list[str]], samples: list[str]) -> Path:
        lines = ["\t".join([*site, *of_site]) for site, of_site in zip(sites, calls, strict=True)]
        return write_vcf(self.folder / name, lines, contigs=self.lengths, samples=samples)

    def read(self, vcf: object, sample: str, options: GenotypeOptions) -> Any:
        tally = VariantTally()
        person = PersonalGenome(self.reference, vcf, sample, options)  # type: ignore[arg-type]
        regions = [(contig, start, start + 90) for contig in CONTIGS for start in range(0, 200, 30)]
        try:
            return person.sequences(regions, tally), tally.to_dict()
        except InputError as error:
            return type(error), str(error).replace(str(person.path), "")
        finally:
            person.close()


@pytest.mark.parametrize("seed", range(4))
def test_people_who_were_appended_read_as_from_their_own_file(tmp_path: Path, seed: int) -> None:
    """Also at sites that only other files have, where nothing is assumed of them."""
    world = World(tmp_path, seed)
    everybody = {"a.vcf.gz": ["A1", "A2"], "b.bcf": ["B1"], "c.vcf.gz": ["C1", "C2"]}
    files = {}
    for name, samples in everybody.items():
        sites = world.sites()
        files[name] = world.write(name, sites, world.calls(sites, len(samples)), samples)
    modes = [GenotypeOptions(mode=mode, on_ref_mismatch="skip-record") for mode in BCFTOOLS_MODES]
    expected = {
        (sample, options.mode): world.read(files[name], sample, options)
        for name, samples in everybody.items()
        for sample in samples
        for options in modes
    }
    cohort = files["a.vcf.gz"]
    invoke("ingest", cohort)
    store = {path.name: path.stat().st_mtime_ns for path in default_store(cohort).iterdir()}
    invoke("ingest", files["b.bcf"], "--append-to", cohort)
    invoke("ingest", files["c.vcf.gz"], "--append-to", cohort)
    invoke("ingest", files["b.bcf"], "--append-to", cohort)  # again, which changes nothing
    assert {name: (default_store(cohort) / name).stat().st_mtime_ns for name in store} == store
    assert sorted(people_in(cohort)) == ["A1", "A2", "B1", "C1", "C2"]
    for sample in people_in(cohort):
        for options in modes:
            assert world.read(cohort, sample, options) == expected[sample, options.mode], (sample, options.mode)
    assert len({str(found) for found in expected.values()}) > 5


def test_two_halves_read_as_the_whole(tmp_path: Path) -> None:
    """At the same sites, what is appended is what one file of everybody would be."""
    world = World(tmp_path, 1)
    sites = world.sites()
    calls = world.calls(sites, 4)
    names = ["P1", "P2", "P3", "P4"]
    whole = world.write("whole.vcf.gz", sites, calls, names)
    one = world.write("one.vcf.gz", sites, [of[:2] for of in calls], names[:2])
    two = world.write("two.vcf.gz", sites, [of[2:] for of in calls], names[2:])
    for vcf in (whole, one):
        invoke("ingest", vcf)
    invoke("ingest", two, "--append-to", one)
    assert people_in(one) == people_in(whole) == tuple(names)
    options = GenotypeOptions(on_ref_mismatch="skip-record")
    for name in names:
        assert world.read(one, name, options) == world.read(whole, name, options)
    people = open_people(world.reference, one, "all", options)
    assert list(people.names) == names
    assert [str(person.path) for person in people.opened((0, 4))] == [str(one)] * 2 + [str(two)] * 2
    people.close()


def test_files_of_a_chromosome_each_are_appended_together(tmp_path: Path) -> None:
    world = World(tmp_path, 2)
    files: dict[str, Path] = {}
    for batch, sample in (("old", "A"), ("new", "B")):
        for contig in CONTIGS:
            sites = [site for site in world.sites() if site[0] == contig]
            name = f"{batch}.{contig}.vcf.gz"
            files[name] = world.write(name, sites, world.calls(sites, 1), [sample])
    old, new = (str(tmp_path / f"{batch}.{{contig}}.vcf.gz") for batch in ("old", "new"))
    options = GenotypeOptions(on_ref_mismatch="skip-record")
    expected = world.read(new, "B", options)
    invoke("ingest", old)
    invoke("ingest", new, "--append-to", old)
    assert world.read(old, "B", options) == expected
    assert world.read(files["old.chr2.vcf.gz"], "B", options) == expected
    found = contents_of(genotype_source(old))
    assert isinstance(found, list)
    assert len(found) == 4


def test_who_was_appended_stays_when_the_cohort_is_read_again(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    sites = world.sites()
    one = world.write("one.vcf.gz", sites, world.calls(sites, 1), ["A"])
    two = world.write("two.vcf.gz", sites, world.calls(sites, 1), ["B"])
    invoke("ingest", one)
    assert isinstance(contents_of(one), dict)
    invoke("ingest", two, "--append-to", one)
    assert len(contents_of(one)) == 2
    invoke("ingest", one, "--overwrite")
    assert people_in(one) == ("A", "B")
    two.unlink()
    with pytest.raises(InputError, match=r"two.vcf.gz: no such file"):
        PersonalGenome(world.reference, one, "B")
    PersonalGenome(world.reference, one, "A").close()


def test_who_cannot_be_appended_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, 4)
    sites = world.sites()
    one = world.write("one.vcf.gz", sites, world.calls(sites, 2), ["A", "B"])
    two = world.write("two.vcf.gz", sites, world.calls(sites, 2), ["B", "C"])
    three = world.write("three.vcf.gz", sites, world.calls(sites, 1), ["D"])
    four = world.write("four.vcf.gz", sites, world.calls(sites, 1), ["D"])
    with pytest.raises(InputError, match=r"one.vcf.gz: has no store, .* variantformer ingest "):
        invoke("ingest", three, "--append-to", one)
    invoke("ingest", one)
    with pytest.raises(SampleError, match=r"two.vcf.gz: has samples that .*one.vcf.gz has too: B\."):
        invoke("ingest", two, "--append-to", one)
    invoke("ingest", three, "--append-to", one)
    with pytest.raises(SampleError, match=r"four.vcf.gz: has samples that .*three.vcf.gz has too: D\."):
        invoke("ingest", four, "--append-to", one)
    world.lengths["chr1"] += 7
    five = world.write("five.vcf.gz", sites, world.calls(sites, 1), ["E"])
    with pytest.raises(AssemblyError, match=r"five.vcf.gz: its header gives chr1 307 bases, that of .*gives chr1 300"):
        invoke("ingest", five, "--append-to", one)
    assert [each.samples for each in appended_to(one)] == [("D",)]
    assert not default_store(five).exists()
    (file,) = lists_of(one).iterdir()
    for content in (b"", b"{}", b"[]", file.read_bytes().replace(b'"D"', b'"E"')):
        file.write_bytes(content)
        with pytest.raises(InputError, match=rf"{file.name}: is damaged, .* Remove it, and append them again"):
            PersonalGenome(world.reference, one, "D")
    file.unlink()
    (default_store(one) / "appended.json").write_text("{}")
    with pytest.raises(InputError, match=r"appended.json: is of an earlier version, .* Remove it, and append them"):
        people_in(one)


def _append_many(path: Path, batch: str) -> None:
    for number in range(40):
        append(path, Appended((f"{batch}{number}.vcf.gz",), (f"{batch}{number}",)))


def test_nobody_is_lost_where_two_append_at_once(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort.vcf.gz"
    workers = [multiprocessing.get_context("fork").Process(target=_append_many, args=(cohort, each)) for each in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found = [each.samples[0] for each in appended_to(cohort)]
    assert sorted(found) == sorted(f"{batch}{number}" for batch in "ab" for number in range(40))
    for batch in "ab":  # in the order in which they were appended
        assert [name for name in found if name.startswith(batch)] == [f"{batch}{number}" for number in range(40)]
    names = sorted(file.name for file in lists_of(cohort).iterdir())
    _append_many(cohort, "a")
    assert [each.samples[0] for each in appended_to(cohort)] == found
    assert sorted(file.name for file in lists_of(cohort).iterdir()) == names


def test_who_comes_to_be_in_two_files_is_nobody_until_it_is_said_who_is_meant(tmp_path: Path) -> None:
    """The cohort's file is made anew with somebody who was appended; two append the same name at once."""
    world = World(tmp_path, 5)
    sites = world.sites()
    one = world.write("one.vcf.gz", sites, world.calls(sites, 1), ["A"])
    two = world.write("two.vcf.gz", sites, world.calls(sites, 2), ["B", "C"])
    invoke("ingest", one)
    invoke("ingest", two, "--append-to", one)
    PersonalGenome(world.reference, one, "B").close()
    world.write("one.vcf.gz", sites, world.calls(sites, 2), ["A", "B"])
    (file,) = lists_of(one).iterdir()
    for ask in (lambda: PersonalGenome(world.reference, one, "B"), lambda: people_in(one)):
        with pytest.raises(
            SampleError, match=rf"two.vcf.gz: has samples that .*one.vcf.gz has too: B\. .*remove .*{file}"
        ):
            ask()
    for name in "AC":  # who is in one file alone can be read
        PersonalGenome(world.reference, one, name).close()
    world.write("one.vcf.gz", sites, world.calls(sites, 1), ["A"])
    append(one, Appended((str(tmp_path / "three.vcf.gz"),), ("C", "D")))
    for ask in (lambda: PersonalGenome(world.reference, one, "C"), lambda: people_in(one)):
        with pytest.raises(SampleError, match=r"three.vcf.gz: has samples that .* has too: C\."):
            ask()


def test_people_at_a_signed_address_are_not_appended_and_its_secret_is_kept_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path, 6)
    sites = world.sites()
    one = world.write("one.vcf.gz", sites, world.calls(sites, 1), ["A"])
    two = world.write("two.vcf.gz", sites, world.calls(sites, 1), ["B"])
    options = GenotypeOptions(on_ref_mismatch="skip-record")
    expected = world.read(two, "B", options)
    invoke("ingest", one)
    with web_server() as web:
        address = web.add(two)
        web.queries = dict.fromkeys(web.files, "X-Amz-Signature=5ecret")
        signed = f"{address}?X-Amz-Signature=5ecret"
        with pytest.raises(InputError, match=rf"{address}: has more in its address than may be kept") as refused:
            invoke("ingest", signed, "--append-to", one)
        web.queries = {}
        mirror._looked_at.clear()
        invoke("ingest", address, "--append-to", one)
        assert world.read(one, "B", options) == expected
    assert "5ecret" not in str(refused.value) and "5ecret" not in caplog.text
    assert people_in(one) == ("A", "B")
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"5ecret" not in file.read_bytes(), file
