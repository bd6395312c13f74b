"""What the app computes, keeps and removes, without a page."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from app_case import BAD, SCRIPT, WITH_GENE, AppCase, app_case
from command_line import run

from variantformer_hf import ExpressionPredictor
from variantformer_hf.app.answers import MOST_VARIANTS, Answer, Question, ServedModel
from variantformer_hf.app.uploads import MOST_BYTES, prepare_vcf
from variantformer_hf.app.views import AnswerPage
from variantformer_hf.app.visits import Request, RequestStopped, Visits
from variantformer_hf.errors import InputError
from variantformer_hf.genome.genes import Gene, GeneTable


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> AppCase:
    return app_case(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def served(case: AppCase) -> ServedModel:
    return case.load()


@pytest.fixture
def visits(tmp_path: Path) -> Iterator[Visits]:
    found = Visits(tmp_path)
    yield found
    found.close()
    assert files_in(tmp_path) == []


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def given(visits: Visits, case: AppCase, name: str, visit: str = "reader") -> Request:
    """A request with an upload, as it arrives."""
    arrived = visits.served / "hash" / name
    arrived.parent.mkdir(exist_ok=True)
    shutil.copy(case.uploads[name], arrived)
    request = visits.waiting(visit)
    request.vcf = prepare_vcf(visits.take(arrived, request.part("person")), name)
    assert not arrived.parent.exists()
    return request


def ask(served: ServedModel, request: Request, **question: object) -> Answer:
    asked = Question(**{"gene": "DEMO1", "mode": "iupac", "tissues": ["liver", "whole blood"], **question})
    return served.answer(asked, request, lambda share, what: None)


def test_a_prediction_is_that_of_the_command(case: AppCase, served: ServedModel, visits: Visits) -> None:
    found = ask(served, given(visits, case, "plain.vcf"), whose="upload")
    predictor = ExpressionPredictor.from_pretrained(case.model, device="cpu")
    for vcf, result in ((case.files.vcf, found.person), (None, found.reference)):
        wanted = predictor.predict(case.files.fasta, vcf, genes=["DEMO1"], tissues=["liver", "whole blood"])
        assert list(result.table["tissue"]) == ["liver", "whole blood"]
        assert result.table["log1p_tpm"].to_numpy() == pytest.approx(wanted["log1p_tpm"].to_numpy(), abs=1e-6)
    assert not np.allclose(found.person.table["log1p_tpm"], found.reference.table["log1p_tpm"])


@pytest.mark.parametrize("whose", ["reference", "demo"])
def test_the_reference_and_the_demo_person_need_no_file(served: ServedModel, visits: Visits, whose: str) -> None:
    found = ask(served, visits.begin("reader"), whose=whose)
    assert (found.person is found.reference) == (whose == "reference")
    assert found.person.table["sample"].unique().tolist() == ["reference" if whose == "reference" else "person"]
    assert (found.effects, found.attention) == (None, None)


def test_bgzipped_and_plain_files_are_the_same_person(case: AppCase, served: ServedModel, visits: Visits) -> None:
    tables = [
        ask(served, given(visits, case, name, name), whose="upload").person.table
        for name in ("plain.vcf", "person.vcf.gz")
    ]
    assert tables[0].equals(tables[1])


def test_of_several_people_one_is_chosen(case: AppCase, served: ServedModel, visits: Visits) -> None:
    request = given(visits, case, "two.vcf")
    assert request.vcf is not None and request.vcf.samples == ("person", "P<2>")
    with pytest.raises(InputError, match=r"^two\.vcf: has 2 samples \(person, P<2>\)"):
        ask(served, request, whose="upload")
    with pytest.raises(InputError, match=r"two\.vcf: has no sample 'nobody'"):
        ask(served, request, whose="upload", sample="nobody")
    found = ask(served, request, whose="upload", sample="P<2>")
    assert found.person.table["log1p_tpm"].tolist() == pytest.approx(found.reference.table["log1p_tpm"].tolist())
    assert "P&lt;2&gt;" in AnswerPage(found).expression() and "<2>" not in AnswerPage(found).expression()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_upload_is_one_sentence_and_nothing_is_kept(
    case: AppCase, served: ServedModel, tmp_path: Path, name: str
) -> None:
    (tmp_path / "run").mkdir()
    visits = Visits(tmp_path / "run")
    with pytest.raises(InputError) as raised:
        ask(served, given(visits, case, name), whose="upload")
    said = str(raised.value)
    assert said.startswith(BAD[name]) and (name in WITH_GENE or said == BAD[name])
    assert "\n" not in said and str(tmp_path) not in said and said.endswith((".", ")"))
    visits.end("reader")
    assert files_in(tmp_path / "run") == []
    visits.close()


def test_another_build_is_named(case: AppCase, served: ServedModel, visits: Visits) -> None:
    with pytest.raises(InputError, match="249250621"):
        ask(served, given(visits, case, "hg19.vcf", "one"), whose="upload")
    with pytest.raises(InputError, match="have the REF allele that the FASTA holds"):
        ask(served, given(visits, case, "other_build.vcf", "two"), whose="upload")


def test_a_large_upload_is_refused_before_it_is_read(case: AppCase, visits: Visits) -> None:
    assert case.uploads["large.vcf"].stat().st_size == MOST_BYTES + 1
    with pytest.raises(InputError, match=r"^large\.vcf: has 20\.0 MB, and at most 20 MB are read\. Cut out"):
        given(visits, case, "large.vcf")


def test_no_upload_and_no_person_are_said(case: AppCase, visits: Visits, served: ServedModel) -> None:
    with pytest.raises(InputError, match="no file of a person is here"):
        ask(served, visits.begin("reader"), whose="upload")
    alone = ServedModel(served.model, case.files.fasta)
    assert not alone.has_person
    with pytest.raises(InputError, match="there is no demo person"):
        ask(alone, visits.begin("reader"), whose="demo")


def test_variants_are_typed_or_uploaded(case: AppCase, served: ServedModel, visits: Visits) -> None:
    text = case.uploads["variants.txt"].read_text()
    typed = ask(served, visits.begin("reader"), whose="demo", variants=f"{text} nonsense")
    assert typed.effects is not None and typed.effects["variant"].nunique() == 3
    assert [each.given for each in typed.rejected] == ["nonsense"]
    request = visits.begin("reader")
    request.variants = case.uploads["variants.txt"], "mine.txt"
    found = ask(served, request, whose="demo")
    assert found.effects is not None and found.effects["effect"].tolist() == typed.effects["effect"].tolist()
    page = AnswerPage(typed)
    assert page.effects().count("<svg") == 1 and "Not scored: nonsense" in page.effects()
    with pytest.raises(InputError, match="variants are typed, and a file of them is uploaded"):
        ask(served, request, whose="demo", variants=text)


def test_variants_that_cannot_be_scored_are_said(case: AppCase, served: ServedModel, visits: Visits) -> None:
    with pytest.raises(InputError, match=r"^no variant can be scored\. The first, row 1 \(nonsense\)"):
        ask(served, visits.begin("reader"), variants="nonsense")
    bases = case.files.fasta.read_text().partition("\n")[2].replace("\n", "")[:400].upper()
    many = [f"chr1:{n}:{base}>{'A' if base != 'A' else 'C'}" for n, base in enumerate(bases, start=1)]
    with pytest.raises(InputError, match=rf"has 400 variants, and at most {MOST_VARIANTS} are scored here"):
        ask(served, visits.begin("reader"), variants=" ".join(many))
    request = visits.begin("reader")
    request.variants = case.uploads["notes.txt"], "my notes.txt"
    with pytest.raises(InputError, match=r"^my notes\.txt: "):
        ask(served, request)


def test_attention_is_drawn_as_it_is(served: ServedModel, visits: Visits) -> None:
    found = ask(served, visits.begin("reader"), whose="demo", with_attention=True)
    assert found.attention is not None
    page = AnswerPage(found).enhancers()
    n_cres = int(np.isfinite(found.attention.weights[0, 0, 0]).sum())
    assert page.count('class="cre"') == 2 * n_cres
    weights = found.attention.weights.mean(axis=(1, 2))
    assert f"{weights.max():.4g}" in page
    assert "not asked for" in AnswerPage(ask(served, visits.begin("reader"))).enhancers()


def test_a_name_that_is_a_script_is_text_everywhere(served: ServedModel, visits: Visits) -> None:
    (gene,) = served.find_genes(SCRIPT)
    found = ask(served, visits.begin("reader"), gene=gene.gene_id, whose="demo", with_attention=True)
    page = AnswerPage(found)
    for part in (page.expression(), page.body(), page.match(), page.effects(), page.enhancers()):
        assert "<script" not in part
    assert "&lt;script&gt;" in page.expression() and page.headline().startswith(SCRIPT)


def test_genes_are_found_by_the_begin_of_a_name_and_then_by_its_inside(served: ServedModel) -> None:
    assert [gene.gene_name for gene in served.find_genes("demo")] == [f"DEMO{n}" for n in range(1, 6)]
    assert [gene.gene_name for gene in served.find_genes(" ensg00000000003 ")] == ["DEMO3"]
    assert [gene.gene_name for gene in served.find_genes("MO5")] == ["DEMO5"]
    assert len(served.find_genes("")) == 6 and served.find_genes("nothing") == []


def test_a_gene_is_named_whole_or_by_a_part_that_one_alone_has(served: ServedModel) -> None:
    for text in ("DEMO1", " demo1 ", "ENSG00000000001", "ensg00000000001.1", "MO1"):
        assert served.find_gene(text).gene_name == "DEMO1"
    refused = {
        "": "^no gene is named",
        "demo": r"^'demo' is of several genes \(DEMO1 \(ENSG00000000001\.1\), DEMO2 .*DEMO5 \(ENSG00000000005\.1\)\)",
        "BRCA1": "^no gene is called 'BRCA1'",
    }
    for text, said in refused.items():
        with pytest.raises(InputError, match=said):
            served.find_gene(text)


def test_a_symbol_that_many_others_begin_with_is_a_gene(served: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands behind more of them than are shown."""
    names = [*(f"T{number}" for number in range(60)), "T"]
    genes = [Gene(f"ENSG{number:011d}", name, "chr1", 1, 9, "+") for number, name in enumerate(names)]
    monkeypatch.setattr(served.model, "gene_table", GeneTable(genes))
    assert served.find_gene("t").gene_name == "T"


def test_files_to_download_say_nothing_of_this_machine(
    case: AppCase, served: ServedModel, visits: Visits, tmp_path: Path
) -> None:
    found = ask(served, given(visits, case, "person.vcf.gz"), whose="upload")
    written = AnswerPage(found).write_files(visits.waiting("reader").part("results"))
    assert [path.name for path in written] == ["predictions.parquet", "predictions.csv", "report.html"]
    report = written[-1].read_text()
    assert "person.vcf.gz" in report and "Differences from the reference genome" in report
    for path in written:
        assert str(tmp_path).encode() not in path.read_bytes()


def test_a_request_that_is_stopped_ends_within_a_layer(served: ServedModel, visits: Visits) -> None:
    request = visits.begin("reader")
    with pytest.raises(RequestStopped):
        asked = Question(gene="DEMO4", mode="iupac", whose="demo", tissues=["liver"])
        served.answer(asked, request, lambda share, what: request.stop() if "predicting" in what else None)
    request = visits.begin("reader")
    assert len(ask(served, request, gene="DEMO4").person.table) == 2  # and the next one is answered


def test_requests_are_answered_one_after_the_other(served: ServedModel, visits: Visits) -> None:
    at_work, most = 0, 0
    lock = threading.Lock()

    def step(share: float, what: str) -> None:
        nonlocal at_work, most
        with lock:
            if what == "reading the genotypes":
                at_work += 1
            most = max(most, at_work)
            if what == "drawing":
                at_work -= 1

    def asked(visit: str) -> None:
        served.answer(Question(gene="DEMO1", mode="iupac", whose="demo"), visits.begin(visit), step)

    threads = [threading.Thread(target=asked, args=(f"reader {n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, at_work) == (1, 0)


# -- What is kept, and how long ----------------------------------------------------------------------------------------


def results_of(request: Request) -> Path:
    (request.part("results") / "predictions.csv").write_text("x")
    return request.folder / "results"


def test_uploads_go_with_the_request_and_results_with_the_visit(case: AppCase, visits: Visits, tmp_path: Path) -> None:
    given(visits, case, "plain.vcf", "one")
    given(visits, case, "plain.vcf", "two")
    request = visits.begin("one")
    kept = visits.finish("one", request, results_of(request))
    assert kept is not None and files_in(kept) == [kept / "predictions.csv"]
    assert not request.folder.exists() and len(files_in(tmp_path / "requests")) == 2  # the other's, with its index
    again = visits.begin("one")
    assert again.vcf is None  # a file is used once
    newer = visits.finish("one", again, results_of(again))
    assert newer is not None and newer != kept and not kept.exists()
    visits.end("one")
    assert not newer.exists() and files_in(tmp_path / "requests") != []
    visits.end("two")
    assert files_in(tmp_path) == [] and len(visits) == 0


def test_a_reader_who_goes_stops_what_runs_and_gets_no_results(visits: Visits, tmp_path: Path) -> None:
    request = visits.begin("reader")
    results = results_of(request)
    visits.end("reader")
    with pytest.raises(RequestStopped):
        request.check()
    assert visits.finish("reader", request, results) is None
    assert files_in(tmp_path) == []


def test_only_what_was_uploaded_is_taken(case: AppCase, visits: Visits) -> None:
    folder = visits.waiting("reader").part("person")
    other = visits.begin("other")
    kept = visits.finish("other", other, results_of(other))
    assert kept is not None
    for path in (case.files.fasta, visits.served / "hash" / ".." / ".." / "model", visits.served, Path()):
        with pytest.raises(InputError, match="the upload was cut short"):
            visits.take(path, folder)
    assert case.files.fasta.exists() and kept.exists()


def test_what_nobody_took_is_swept(case: AppCase, visits: Visits, tmp_path: Path) -> None:
    request = visits.begin("reader")
    kept = visits.finish("reader", request, results_of(request))
    assert kept is not None
    waiting = given(visits, case, "plain.vcf", "other")
    lost, arriving = visits.served / "hash" / "lost.vcf", visits.served / "arriving"
    lost.parent.mkdir()
    for path in (lost, arriving):
        path.write_text("a part")
    for path in (lost, lost.parent, kept / "predictions.csv", kept):
        os.utime(path, (0, 0))
    visits.sweep()
    assert set(visits.served.iterdir()) == {arriving, kept} and waiting.folder.exists()
    arriving.unlink()
    visits.sweep(waiting=0)
    assert files_in(tmp_path / "requests") == [] and visits.waiting("other").vcf is None


# -- The command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["model", "--demo", "--fasta", "x.fa"],
            "error: --demo has a model of its own. Leave out --demo, or the model.",
        ),
        (["model"], "error: a model is given without --fasta. Give both, or none for the demo."),
        (["--fasta", "x.fa"], "error: --fasta is given without a model. Give both, or none for the demo."),
        (["--port", "70000"], "error: --port is 70000. It must be from 0 to 65535."),
        (["./nowhere", "--fasta", "x.fa", "--port", "0"], "error: ./nowhere: is neither a model folder nor"),
    ],
)
def test_a_command_that_cannot_be_done_is_a_line(words: list[str], said: str) -> None:
    done = run("app", *words)
    assert done.returncode == 1 and done.stderr.startswith(said) and done.stderr.count("\n") == 1, done.stderr
