"""A person's DNA around a gene's TSS -> Variformer's input."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from transformers import BatchFeature, ProcessorMixin

from ...tokenization.one_hot import mean_one_hot

_REMEDY = (
    "give person=PersonalGenome(ReferenceGenome(FASTA), VCF) and gene=GeneTable.read('genes.parquet').get(NAME), or a "
    "pair of contig and TSS; or ready haplotypes"
)


class VariformerProcessor(ProcessorMixin):
    """Turns a person's gene into a window of one-hot DNA, and holds what the model was trained with.

    A person is read by SNPs alone, whatever the options say, as the mean of both haplotypes; phase does not matter.
    Genes on the '-' strand are read forward, as in training.

    Args:
        sequence_length: bases of the window, half of them before the TSS.
        n_share: what N writes into each of the four channels.
    """

    # transformers keeps only parameters that can be positional when it loads processor_config.json: no `*` here.
    def __init__(self, sequence_length: int = 49_152, n_share: float = 0.25) -> None:
        if sequence_length < 1:
            raise ValueError(f"sequence_length must be at least 1, not {sequence_length}")
        if not 0 <= n_share <= 1:
            raise ValueError(f"n_share must be from 0 to 1, not {n_share}")
        self.sequence_length = sequence_length
        self.n_share = n_share
        super().__init__()

    @property
    def model_input_names(self) -> list[str]:
        """Names of the inputs that ``__call__`` makes."""
        return ["dna"]

    def __call__(
        self,
        person: Any = None,
        gene: Any = None,
        haplotypes: Sequence[Any] | None = None,
        return_tensors: str | None = None,
    ) -> BatchFeature:
        """The model's input of one gene of one person, or of several people.

        Args:
            person: a ``PersonalGenome``, or a list of them.
            gene: a ``Gene``, or its contig (by the FASTA's or the usual names) and 0-based TSS.
            haplotypes: instead of both, two sequences of ``sequence_length`` letters, the TSS in their middle; or a
                list of such pairs.
            return_tensors: ``"pt"`` for torch tensors; None or ``"np"`` for NumPy arrays.

        Returns:
            dna (by the name in ``model_input_names``) (B, L, 4) float32, shares of A, C, G and T; one person is a batch
            of one.

        Raises:
            ValueError: names or paths in the place of a person or a gene; a window that leaves its contig; haplotypes
                of another length, or not two.
        """
        if haplotypes is None:
            if person is None or gene is None or isinstance(person, str) or isinstance(gene, str):
                raise ValueError(f"a processor reads a person's gene: {_REMEDY}")
            of_each = [
                self._of_person(each, gene) for each in (person if isinstance(person, list | tuple) else [person])
            ]
        else:
            if person is not None or gene is not None:
                raise ValueError("haplotypes are given in the place of person and gene")
            is_one = len(haplotypes) == 2 and isinstance(haplotypes[0], str)
            of_each = [self._checked(each) for each in ([haplotypes] if is_one else haplotypes)]
        dna = mean_one_hot(np.stack(of_each), n=self.n_share, iupac=True)
        return BatchFeature({self.model_input_names[0]: dna}, tensor_type=return_tensors)

    def _checked(self, haplotypes: Any) -> np.ndarray:
        """(2, L) letters."""
        lengths = [len(each) for each in haplotypes]
        if lengths != [self.sequence_length] * 2:
            raise ValueError(f"two haplotypes of {self.sequence_length:,} letters are read, and these have {lengths}")
        return np.stack([np.frombuffer(each.encode("ascii"), dtype=np.uint8) for each in haplotypes])

    def _of_person(self, person: Any, gene: Any) -> np.ndarray:
        """(2, L) letters of a person's window."""
        chrom, tss = gene if isinstance(gene, tuple) else (gene.chrom, gene.tss)
        contigs = person.reference.contigs
        spellings = (chrom, f"chr{chrom}", chrom.removeprefix("chr"))
        contig = next((each for each in spellings if each in contigs), None)
        if contig is None:
            raise ValueError(f"{person.reference.path} has no contig {chrom}")
        start = tss - self.sequence_length // 2
        end = start + self.sequence_length
        if start < 0 or end > contigs[contig]:
            raise ValueError(f"the window {contig}:{start + 1}-{end} leaves its contig of {contigs[contig]:,} bases")
        snps = person.read_by(replace(person.options, mode="diploid"))
        return self._checked([each.sequence(contig, start, end) for each in snps.readings()])
