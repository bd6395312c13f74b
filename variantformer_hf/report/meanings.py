"""What statuses and flags mean, in a sentence for those who read a page."""

from ..zoo import statuses

STATUS_MEANINGS = {
    statuses.OK: "predicted",
    statuses.NO_VARIANTS: "predicted; no record of the person changed a sequence of this gene: the reference's value",
    statuses.NOT_IN_VCF: "no number: the person's file has no record on the gene's chromosome",
    statuses.ALL_SKIPPED: "no number: none of the person's genotypes in the gene could be used",
    statuses.NO_CRES: "no number: no cCRE within 1 Mb is left in this person",
    statuses.GENE_DELETED: "no number: the gene is deleted in this person",
    statuses.NOT_FINITE: "no number: the model gave NaN or infinity",
    statuses.WINDOW_OFF_CONTIG: "no number: the model's window reaches beyond the chromosome",
    statuses.UNSEEN_GENE: "predicted, by a model that was not trained on this gene",
    statuses.NO_VARIANTS_IN_WINDOW: "predicted as the mean of the people whom the baseline was fitted to",
    statuses.NOT_FITTED: "no number: the people whom the baseline was fitted to had no value",
    statuses.NO_EMBEDDING: "no number: there is no embedding of this person and gene",
    # Of variants alone.
    statuses.NO_OVERLAP: "the gene does not read the variant: effect 0",
    statuses.NOT_SNP: "no number: it is no SNV, and the model reads SNPs alone",
    "conflict": "no number: another record of the person changes the same bases",
    "no_gene": "no gene of the model reads the variant",
}
FLAG_MEANINGS = {
    "beyond_seen_tokens": "behind the part of the gene that the model reads",
    "truncated_element": "in a cCRE that is longer than the model reads",
    "token_shift": "changes the number of tokens, so that all later rows of the gene are other rows",
    "het_equals_hom": "a heterozygous insertion or deletion, which reads as a homozygous one",
    "crosses_edge": "a part of it is outside of what the model reads",
    "turned": "the effect allele that was given is REF: effects are from REF to ALT",
    "below_noise": "not larger than what rounding alone does",
    # Of forests.
    "other_model": "the embeddings are of another model than the forests belong to",
    "other_precision": "the embeddings are of another precision than the forests belong to",
    "trained_on": "the forests have seen this person's label: the probability says little",
    "at_bound": "a probability of 0 or 1, whose odds are taken at half a tree's vote from the end",
}
