# The genotypes, read once.
rule ingest:
    """A file of genotypes into a store by person; `predict` finds it by the file's path, size and time."""
    input:
        lambda wildcards: PIECES[wildcards.piece],
    output:
        touch("results/ingest/{piece}.done"),
    params:
        cache=CACHE,
    log:
        "results/logs/ingest.{piece}.log",
    conda:
        "../envs/variantformer.yaml"
    shell:
        "VARIANTFORMER_CACHE={params.cache} variantformer ingest {input:q} > {log:q} 2>&1"
