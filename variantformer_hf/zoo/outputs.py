"""Tissues of a model, found by the names and ids that users have at hand."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..genome.names import MOST_SUGGESTED, Rejected

_SUGGESTIONS = 5
_ONTOLOGY_ID = re.compile(r"(UBERON|CLO|CL|EFO)\s*[:_]\s*(\d+)", re.IGNORECASE)

# Released name, name in the files of the GTEx portal, ontology id, and further ids that mean this tissue.
# The first id of a GTEx tissue is the one in GTEx's own sample table (SMUBRID), that of a cell line is ENCODE's. GTEx
# gives the site that was sampled (right lobe of the liver, not liver), so the organ's own id follows it; so do ids of
# older GTEx releases. An id may belong to several tissues: it is then no name for any of them.
_TISSUES: tuple[tuple[str, str | None, str | None, str], ...] = (
    ("A549", None, "EFO:0001086", "CLO:0001601"),
    ("GM23248", None, "EFO:0005723", ""),
    ("HepG2", None, "EFO:0001187", "CLO:0003704"),
    ("K562", None, "EFO:0002067", "CLO:0007059"),
    ("NCI-H460", None, "EFO:0003044", ""),
    ("Panc1", None, "EFO:0002713", ""),
    ("adipose - subcutaneous", "Adipose_Subcutaneous", "UBERON:0002190", ""),
    ("adipose - visceral (omentum)", "Adipose_Visceral_Omentum", "UBERON:0010414", ""),
    ("adrenal gland", "Adrenal_Gland", "UBERON:0002369", ""),
    ("artery - aorta", "Artery_Aorta", "UBERON:0001496", "UBERON:0000947"),
    ("artery - coronary", "Artery_Coronary", "UBERON:0001621", ""),
    ("artery - tibial", "Artery_Tibial", "UBERON:0007610", ""),
    ("bladder", "Bladder", "UBERON:0001255", ""),
    ("blood", None, "UBERON:0000178", ""),
    ("brain - amygdala", "Brain_Amygdala", "UBERON:0001876", ""),
    ("brain - anterior cingulate cortex (ba24)", "Brain_Anterior_cingulate_cortex_BA24", "UBERON:0009835", ""),
    ("brain - caudate (basal ganglia)", "Brain_Caudate_basal_ganglia", "UBERON:0001873", ""),
    ("brain - cerebellar hemisphere", "Brain_Cerebellar_Hemisphere", "UBERON:0002037", "UBERON:0002245"),
    ("brain - cerebellum", "Brain_Cerebellum", "UBERON:0002037", ""),
    ("brain - cortex", "Brain_Cortex", "UBERON:0001870", "UBERON:0000956"),
    ("brain - frontal cortex (ba9)", "Brain_Frontal_Cortex_BA9", "UBERON:0009834", ""),
    ("brain - hippocampus", "Brain_Hippocampus", "UBERON:0001954", "UBERON:0002421"),
    ("brain - hypothalamus", "Brain_Hypothalamus", "UBERON:0001898", ""),
    ("brain - nucleus accumbens (basal ganglia)", "Brain_Nucleus_accumbens_basal_ganglia", "UBERON:0001882", ""),
    ("brain - putamen (basal ganglia)", "Brain_Putamen_basal_ganglia", "UBERON:0001874", ""),
    ("brain - spinal cord (cervical c-1)", "Brain_Spinal_cord_cervical_c-1", "UBERON:0006469", "UBERON:0002726"),
    ("brain - substantia nigra", "Brain_Substantia_nigra", "UBERON:0002038", ""),
    ("breast - mammary tissue", "Breast_Mammary_Tissue", "UBERON:0008367", "UBERON:0000310"),
    ("cells - cultured fibroblasts", "Cells_Cultured_fibroblasts", "EFO:0002009", "CL:0000057"),
    ("cells - ebv-transformed lymphocytes", "Cells_EBV-transformed_lymphocytes", "EFO:0000572", ""),
    ("cervix - ectocervix", "Cervix_Ectocervix", "UBERON:0012249", ""),
    ("cervix - endocervix", "Cervix_Endocervix", "UBERON:0000458", ""),
    ("colon - sigmoid", "Colon_Sigmoid", "UBERON:0001159", ""),
    ("colon - transverse", "Colon_Transverse", "UBERON:0001157", ""),
    ("esophagus - gastroesophageal junction", "Esophagus_Gastroesophageal_Junction", "UBERON:0004550", ""),
    ("esophagus - mucosa", "Esophagus_Mucosa", "UBERON:0006920", "UBERON:0002469"),
    ("esophagus - muscularis", "Esophagus_Muscularis", "UBERON:0004648", ""),
    ("fallopian tube", "Fallopian_Tube", "UBERON:0003889", ""),
    ("heart - atrial appendage", "Heart_Atrial_Appendage", "UBERON:0006631", ""),
    ("heart - left ventricle", "Heart_Left_Ventricle", "UBERON:0006566", "UBERON:0002084"),
    ("kidney - cortex", "Kidney_Cortex", "UBERON:0001225", ""),
    ("kidney - medulla", "Kidney_Medulla", "UBERON:0001293", "UBERON:0000362"),
    ("liver", "Liver", "UBERON:0001114", "UBERON:0002107"),
    ("lung", "Lung", "UBERON:0008952", "UBERON:0002048"),
    ("lcl", None, "EFO:0005292", ""),
    ("minor salivary gland", "Minor_Salivary_Gland", "UBERON:0006330", "UBERON:0001830"),
    ("muscle - skeletal", "Muscle_Skeletal", "UBERON:0011907", "UBERON:0001134"),
    ("nerve - tibial", "Nerve_Tibial", "UBERON:0001323", ""),
    ("ovary", "Ovary", "UBERON:0000992", "UBERON:0002119"),
    ("pancreas", "Pancreas", "UBERON:0001150", "UBERON:0001264"),
    ("pituitary", "Pituitary", "UBERON:0000007", ""),
    ("prostate", "Prostate", "UBERON:0002367", ""),
    ("skin - not sun exposed (suprapubic)", "Skin_Not_Sun_Exposed_Suprapubic", "UBERON:0036149", "UBERON:0001416"),
    ("skin - sun exposed (lower leg)", "Skin_Sun_Exposed_Lower_leg", "UBERON:0004264", "UBERON:0001511"),
    (
        "small intestine - terminal ileum",
        "Small_Intestine_Terminal_Ileum",
        "UBERON:0001211",
        "UBERON:0002116",
    ),
    ("spleen", "Spleen", "UBERON:0002106", ""),
    ("stomach", "Stomach", "UBERON:0000945", ""),
    ("testis", "Testis", "UBERON:0000473", ""),
    ("thyroid", "Thyroid", "UBERON:0002046", ""),
    ("uterus", "Uterus", "UBERON:0000995", ""),
    ("vagina", "Vagina", "UBERON:0000996", ""),
    ("whole blood", "Whole_Blood", "UBERON:0013756", "UBERON:0000178"),
)
# Name of each row of the released models' tissue embedding; the second row has none.
RELEASED_TISSUES: tuple[str | None, ...] = (_TISSUES[0][0], None, *(row[0] for row in _TISSUES[1:]))
# What GTEx called its fibroblasts up to release 7.
_OLDER_GTEX_NAMES = {"Cells_Transformed_fibroblasts": "cells - cultured fibroblasts"}


@dataclass(frozen=True, slots=True)
class Tissue:
    """One tissue or cell line of a model.

    Attributes:
        id: row of the model's tissue embedding.
        name: released name.
        gtex_name: name in the files of the GTEx portal, such as ``Whole_Blood``; None outside GTEx.
        ontology_id: UBERON, CL or EFO id, or None where none is known.
    """

    id: int
    name: str
    gtex_name: str | None = None
    ontology_id: str | None = None


class TissueNames:
    """The tissues of a model and the names they go by.

    A name is the released one, GTEx's (``Brain_Cortex`` or ``Brain - Cortex``) or an ontology id (``UBERON:0001870`` or
    ``UBERON_0001870``); case, spaces and punctuation do not count. A name or id that stands for several tissues stands
    for none: GTEx gives UBERON:0002037 to the cerebellum and to the cerebellar hemisphere, and UBERON:0000178 is blood
    in general, of which a released model has two data sets.

    Args:
        tissues: name of each row of the tissue embedding, index = id; None = a row without a name.

    Attributes:
        named: the tissues that have a name, by id.
    """

    def __init__(self, tissues: Sequence[str | None]) -> None:
        rows = {_letters(row[0]): row for row in _TISSUES}
        self.named: list[Tissue] = []
        self._by_key: dict[str, list[Tissue]] = {}
        self._by_name: dict[str, list[Tissue]] = {}
        for number, name in enumerate(tissues):
            if name is None:
                continue
            released, gtex_name, ontology_id, further = rows.get(_letters(name), (name, None, None, ""))
            older = [old for old, new in _OLDER_GTEX_NAMES.items() if new == released]
            self._add(Tissue(number, name, gtex_name, ontology_id), (*further.split(), *older))

    @classmethod
    def of_tracks(cls, tracks: Iterable[tuple[Tissue, Sequence[str]]]) -> "TissueNames":
        """The names of outputs that are no tissues: each with the further names that it goes by."""
        names = cls(())
        for track, further in tracks:
            names._add(track, further)
        return names

    def _add(self, tissue: Tissue, further: Sequence[str]) -> None:
        self.named.append(tissue)
        known = {name for name in (tissue.name, tissue.gtex_name, tissue.ontology_id, *further) if name}
        for name in known:
            self._by_name.setdefault(name, []).append(tissue)
        for key in {_key(name) for name in known}:
            self._by_key.setdefault(key, []).append(tissue)

    def resolve(
        self, names: Iterable[str], *, most_suggested: int = MOST_SUGGESTED
    ) -> tuple[list[Tissue], list[Rejected]]:
        """The tissues of several names, in the order of the names and each once, and the names that have none.

        What may have been meant is said of the first ``most_suggested`` names without a tissue.
        """
        found: dict[int, Tissue] = {}
        rejected: list[Rejected] = []
        for name in dict.fromkeys(names):
            tissues = self._by_key.get(_key(name), [])
            exact = [tissue for tissue in tissues if tissue.name == name] or self._by_name.get(name, [])
            if len(exact) == 1 or len(tissues) == 1:
                tissue = (exact or tissues)[0]
                found.setdefault(tissue.id, tissue)
            elif tissues:
                candidates = tuple(tissue.name for tissue in tissues)
                rejected.append(Rejected(name, f"stands for {len(tissues)} tissues", candidates))
            else:
                suggestions = self._similar(name) if len(rejected) < most_suggested else ()
                rejected.append(Rejected(name, "no tissue of the model has this name", suggestions))
        return list(found.values()), rejected

    def own_names(self, names: Iterable[str]) -> dict[str, str]:
        """Name -> what the model calls the tissue, of those of several names that are one of its tissues'."""
        found = {name: self.resolve([name], most_suggested=0)[0] for name in names}
        return {name: tissues[0].name for name, tissues in found.items() if tissues}

    def _similar(self, name: str) -> tuple[str, ...]:
        """Tissues whose name holds all the words asked for; without such, those that are spelled alike."""
        words = [word for word in re.split(r"[\W_]+", name.casefold()) if word]
        if not words or _ONTOLOGY_ID.fullmatch(name.strip()):
            return ()
        holding = [tissue.name for tissue in self.named if all(word in tissue.name.casefold() for word in words)]
        if holding:
            return tuple(holding[:_SUGGESTIONS])
        spelled = {_letters(tissue.name): tissue.name for tissue in self.named}
        alike = difflib.get_close_matches(_letters(name), spelled, n=_SUGGESTIONS, cutoff=0.6)
        return tuple(spelled[other] for other in alike)


def _key(name: str) -> str:
    """What is compared: an id in one spelling, of any other name its letters and digits."""
    ontology_id = _ONTOLOGY_ID.fullmatch(name.strip())
    if ontology_id:
        return f"{ontology_id[1].upper()}:{ontology_id[2]}"
    return _letters(name)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
