"""Genes that a model tells cases and controls apart by, against genes of a GWAS: MAGMA's gene-property analysis."""

RESEARCH_USE = (
    "Research use only. A low p says that genes whose embeddings vary more among these people are those of a GWAS; it "
    "says nothing about a person's risk of disease."
)
