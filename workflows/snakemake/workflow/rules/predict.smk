# Predictions: a job a batch of people and chromosome; then, where it is wanted, one table.
rule people:
    """The names of a batch. People who are added at the table's end change no batch that is full."""
    input:
        samples=ancient(config["samples"]),
        script=workflow.source_path("../scripts/people.py"),
    output:
        "results/people/{batch}.txt",
    params:
        names=lambda wildcards: BATCHES[wildcards.batch],
        first=lambda wildcards: int(wildcards.batch) * config["people_per_batch"],
        size=config["people_per_batch"],
    log:
        "results/logs/people.{batch}.log",
    conda:
        "../envs/variantformer.yaml"
    shell:
        "python {input.script:q} --samples {input.samples:q} --first {params.first} --count {params.size}"
        " --output {output:q} > {log:q} 2>&1"


rule predict:
    """A batch of people in the genes of a chromosome, as a dataset. A job that was cut short goes on with its units."""
    input:
        model=model_file,
        cres="results/cres.done",
        fasta=config["fasta"],
        vcf=lambda wildcards: PIECES[piece_of(wildcards.contig)],
        ingested=lambda wildcards: f"results/ingest/{piece_of(wildcards.contig)}.done" if config["ingest"] else [],
        people="results/people/{batch}.txt",
        genes="results/genes/{contig}.txt",
    output:
        directory("results/parts/{batch}.{contig}"),
    params:
        cache=CACHE,
        model=MODEL,
        options=predict_options,
        unfinished="results/unfinished/{batch}.{contig}",
    log:
        "results/logs/predict.{batch}.{contig}.log",
    benchmark:
        "results/benchmarks/predict.{batch}.{contig}.tsv"
    conda:
        "../envs/variantformer.yaml"
    threads: 2
    resources:
        gpu=0 if config["predict"]["device"] == "cpu" else 1,
    # A job that was lost with its machine leaves its lock, which nobody else can tell from one that is held; Snakemake
    # runs one job of an output at a time. What a job of other inputs or options left is not its own run's: it is removed
    # (--overwrite), and nothing of it is gone on with.
    shell:
        "mkdir -p results/unfinished && rm -f {params.unfinished}/.lock"
        " && VARIANTFORMER_CACHE={params.cache} OMP_NUM_THREADS={threads}"
        " variantformer predict {params.model:q} --fasta {input.fasta:q} --vcf {input.vcf:q}"
        " --samples-file {input.people:q} --genes-file {input.genes:q} {params.options:q} --store results/cres"
        " --output {params.unfinished}/ --overwrite > {log:q} 2>&1 && mv {params.unfinished} {output:q}"


PARTS = expand("results/parts/{batch}.{contig}", batch=BATCHES, contig=config["contigs"])


rule join:
    """All parts as one file, every person's gene once; a few rows are in memory at a time."""
    input:
        parts=PARTS,
        script=workflow.source_path("../scripts/join.py"),
    output:
        "results/predictions.parquet",
    log:
        "results/logs/join.log",
    conda:
        "../envs/variantformer.yaml"
    shell:
        "python {input.script:q} --output {output:q} {input.parts:q} > {log:q} 2>&1"
