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
    # A file of one chromosome is read by one process, others by one a chromosome.
    threads: 1 if IS_SPLIT else min(8, len(config["contigs"]))
    shell:
        "VARIANTFORMER_CACHE={params.cache} variantformer ingest {input:q} --workers {threads} > {log:q} 2>&1"
