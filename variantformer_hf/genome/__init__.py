"""Files -> one person's DNA, and the genes and cCREs on it."""

from typing import TYPE_CHECKING

from ..lazy_names import lazy_names

_MODULE_OF_NAME = {
    "CRE_CLASSES": ".cres",
    "CohortGenomes": ".snp_haplotypes",
    "CreTable": ".cres",
    "Dosages": ".dosages",
    "EditConflictError": ".edited",
    "EditedGenome": ".edited",
    "Gene": ".genes",
    "GeneTable": ".genes",
    "GenotypeEdit": ".genotype_edits",
    "GenotypeOptions": ".options",
    "Interval": ".interval",
    "PersonalGenome": ".personal",
    "ReferenceGenome": ".reference",
    "Variant": ".variant",
    "VariantError": ".variant",
    "VariantTally": ".tally",
    "parse_region": ".interval",
    "read_dosages": ".dosages",
}

__all__ = [
    "CRE_CLASSES",
    "CohortGenomes",
    "CreTable",
    "Dosages",
    "EditConflictError",
    "EditedGenome",
    "Gene",
    "GeneTable",
    "GenotypeEdit",
    "GenotypeOptions",
    "Interval",
    "PersonalGenome",
    "ReferenceGenome",
    "Variant",
    "VariantError",
    "VariantTally",
    "parse_region",
    "read_dosages",
]

if TYPE_CHECKING:
    from .cres import CRE_CLASSES, CreTable
    from .dosages import Dosages, read_dosages
    from .edited import EditConflictError, EditedGenome
    from .genes import Gene, GeneTable
    from .genotype_edits import GenotypeEdit
    from .interval import Interval, parse_region
    from .options import GenotypeOptions
    from .personal import PersonalGenome
    from .reference import ReferenceGenome
    from .snp_haplotypes import CohortGenomes
    from .tally import VariantTally
    from .variant import Variant, VariantError


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)
