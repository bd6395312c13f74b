# Predictions: a job a batch of people and chromosome, then one table.
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
    """A batch of people in the genes of a chromosome. A job that was cut short goes on with its own parts."""
    input:
        model=model_file,
        cres="results/cres.done",
        fasta=config["fasta"],
        vcf=lambda wildcards: PIECES[piece_of(wildcards.contig)],
        ingested=lambda wildcards: f"results/ingest/{piece_of(wildcards.contig)}.done" if config["ingest"] else [],
        people="results/people/{batch}.txt",
        genes="results/genes/{contig}.txt",
    output:
        table="results/parts/{batch}.{contig}.parquet",
        report="results/parts/{batch}.{contig}.parquet.report.json",
    params:
        cache=CACHE,
        model=MODEL,
        tissues=[f"--tissue={name}" for name in config["tissues"]],
        options=predict_options,
    log:
        "results/logs/predict.{batch}.{contig}.log",
    benchmark:
        "results/benchmarks/predict.{batch}.{contig}.tsv"
    conda:
        "../envs/variantformer.yaml"
    threads: 2
    resources:
        gpu=0 if config["predict"]["device"] == "cpu" else 1,
    shell:
        "VARIANTFORMER_CACHE={params.cache} OMP_NUM_THREADS={threads} variantformer predict {params.model:q}"
        " --fasta {input.fasta:q} --vcf {input.vcf:q} --samples-file {input.people:q} --genes-file {input.genes:q}"
        " {params.tissues:q} {params.options} --store results/cres --output {output.table:q} > {log:q} 2>&1"


PARTS = expand("results/parts/{batch}.{contig}.parquet", batch=BATCHES, contig=config["contigs"])


rule join:
    """All parts as one table, every person's gene once; a few rows are in memory at a time."""
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
