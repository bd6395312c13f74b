from pathlib import Path

import pytest
import yaml

from variantformer_hf.zoo.outputs import _TISSUES, Tissue, TissueNames

NAMES = [row[0] for row in _TISSUES]


@pytest.fixture(scope="module")
def tissues() -> TissueNames:
    """A model with the released names, and a row without a name at 1."""
    return TissueNames([NAMES[0], None, *NAMES[1:]])


def one(tissues: TissueNames, name: str) -> Tissue:
    found, rejected = tissues.resolve([name])
    assert not rejected, rejected
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("name", "released"),
    [
        ("whole blood", "whole blood"),
        ("Whole_Blood", "whole blood"),
        ("Whole Blood", "whole blood"),
        ("  WHOLE-BLOOD ", "whole blood"),
        ("UBERON:0013756", "whole blood"),
        ("uberon_0013756", "whole blood"),
        ("blood", "blood"),
        ("Brain_Cortex", "brain - cortex"),
        ("Brain - Cortex", "brain - cortex"),
        ("brain cortex", "brain - cortex"),
        ("BRAIN-CORTEX", "brain - cortex"),
        ("Brain_Frontal_Cortex_BA9", "brain - frontal cortex (ba9)"),
        ("Brain - Spinal cord (cervical c-1)", "brain - spinal cord (cervical c-1)"),
        ("Skin_Sun_Exposed_Lower_leg", "skin - sun exposed (lower leg)"),
        ("Cells_EBV-transformed_lymphocytes", "cells - ebv-transformed lymphocytes"),
        ("Cells - EBV-transformed lymphocytes", "cells - ebv-transformed lymphocytes"),
        ("EFO_0000572", "cells - ebv-transformed lymphocytes"),
        ("LCL", "lcl"),
        ("Cells_Transformed_fibroblasts", "cells - cultured fibroblasts"),
        ("hepg2", "HepG2"),
        ("nci h460", "NCI-H460"),
        ("EFO:0002067", "K562"),
        ("UBERON:0002107", "liver"),
        ("UBERON:0001114", "liver"),
        ("UBERON:0002245", "brain - cerebellar hemisphere"),
    ],
)
def test_a_tissue_is_found_by_each_of_its_names(tissues: TissueNames, name: str, released: str) -> None:
    assert one(tissues, name).name == released


def test_every_name_of_every_tissue_leads_to_it(tissues: TissueNames) -> None:
    for number, (name, gtex_name, ontology_id, further) in enumerate(_TISSUES):
        tissue = one(tissues, name)
        assert tissue == Tissue(number + (number > 0), name, gtex_name, ontology_id)
        assert gtex_name is None or one(tissues, gtex_name) == tissue
        for known in (ontology_id, *further.split()):
            found, rejected = tissues.resolve([known])
            assert found == [tissue] or name in rejected[0].suggestions


def test_gtex_has_its_54_tissues_under_distinct_names() -> None:
    gtex_names = [gtex_name for _, gtex_name, _, _ in _TISSUES if gtex_name]
    assert len(gtex_names) == len(set(gtex_names)) == 54
    assert len(NAMES) == len(set(NAMES)) == 62


def test_ids_that_stand_for_two_tissues_are_rejected_with_both(tissues: TissueNames) -> None:
    found, rejected = tissues.resolve(["UBERON:0002037", "UBERON:0000178"])
    assert not found
    assert rejected[0].suggestions == ("brain - cerebellar hemisphere", "brain - cerebellum")
    assert rejected[1].suggestions == ("blood", "whole blood")


def test_suggestions_hold_the_words_or_are_spelled_alike(tissues: TissueNames) -> None:
    found, rejected = tissues.resolve(["cortex", "hypothalmus brain", "Caki2", "livr", "UBERON:9999999", "", "??"])
    assert not found
    by_name = {entry.name: entry.suggestions for entry in rejected}
    assert {"brain - cortex", "kidney - cortex"} <= set(by_name["cortex"])
    assert "liver" in by_name["livr"]
    assert by_name["UBERON:9999999"] == by_name[""] == by_name["??"] == ()
    assert len(rejected) == 7


def test_order_of_the_names_and_each_tissue_once(tissues: TissueNames) -> None:
    found, rejected = tissues.resolve(["liver", "Whole_Blood", "LIVER", "whole blood", "K562"])
    assert not rejected
    assert [tissue.name for tissue in found] == ["liver", "whole blood", "K562"]


def test_tissues_of_a_model_of_ones_own() -> None:
    tissues = TissueNames(["Root tip", None, "root-tip", "leaf"])
    assert tissues.named == [Tissue(0, "Root tip"), Tissue(2, "root-tip"), Tissue(3, "leaf")]
    assert one(tissues, "Leaf") == Tissue(3, "leaf")
    assert one(tissues, "root-tip").id == 2
    _, rejected = tissues.resolve(["ROOT TIP", "whole blood"])
    assert rejected[0].suggestions == ("Root tip", "root-tip")
    assert rejected[1].suggestions == ()


@pytest.mark.shared
def test_the_released_tissues(shared: Path) -> None:
    numbers = yaml.safe_load((shared / "vocabulary" / "tissue_vocab.yaml").read_text())
    names: list[str | None] = [None] * (max(numbers.values()) + 1)
    for name, number in numbers.items():
        names[number] = name
    tissues = TissueNames(names)
    assert {tissue.name: tissue.id for tissue in tissues.named} == numbers
    assert [tissue.id for tissue in tissues.named] == sorted(numbers.values())
    assert all(tissue.ontology_id for tissue in tissues.named)
    assert sum(tissue.gtex_name is not None for tissue in tissues.named) == 54
