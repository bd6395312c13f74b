import pytest

from variantformer_hf.genome.names import similar_names

KNOWN = ["BRCA1", "BRCA2", "TP53", "MYC", "MYCN", "HLA-DRB1", "C1orf112"]


@pytest.mark.parametrize(
    ("typed", "first"),
    [("BRAC1", "BRCA1"), ("mycc", "MYC"), ("HLADRB1", "HLA-DRB1"), ("c1ORF12", "C1orf112"), ("TP-53", "TP53")],
)
def test_a_mistyped_name_finds_the_one_meant(typed: str, first: str) -> None:
    assert similar_names(typed, KNOWN)[0] == first


def test_nothing_alike_gives_nothing() -> None:
    assert similar_names("zzzzz", KNOWN) == ()
    assert similar_names("", KNOWN) == ()
