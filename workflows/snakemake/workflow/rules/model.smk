# The model, and what it learns of the reference once for all people.
rule convert:
    """A released checkpoint becomes a model folder; only where the config names one."""
    input:
        lambda wildcards: config["released"]["artifacts"],
    output:
        folder=directory("results/model/{name}"),
    params:
        dtype=lambda wildcards: config["released"]["dtype"],
    log:
        "results/logs/convert.{name}.log",
    conda:
        "../envs/variantformer.yaml"
    shell:
        "variantformer convert --artifacts {input:q} --output results/model --dtype {params.dtype} > {log:q} 2>&1"


rule precompute:
    """The reference's cCREs, encoded once. The store grows while people are predicted: its marker is what counts."""
    input:
        model=model_file,
        fasta=config["fasta"],
    output:
        touch("results/cres.done"),
    params:
        cache=CACHE,
        model=MODEL,
        precision=config["predict"]["precision"],
        device=config["predict"]["device"],
    log:
        "results/logs/precompute.log",
    conda:
        "../envs/variantformer.yaml"
    threads: 4
    resources:
        gpu=0 if config["predict"]["device"] == "cpu" else 1,
    shell:
        "VARIANTFORMER_CACHE={params.cache} OMP_NUM_THREADS={threads} variantformer precompute {params.model:q}"
        " --fasta {input.fasta:q} --output results/cres --precision {params.precision} --device {params.device}"
        " > {log:q} 2>&1"


rule genes:
    """The model's genes, a list a chromosome."""
    input:
        model=model_file,
        script=workflow.source_path("../scripts/genes.py"),
    output:
        "results/genes/{contig}.txt",
    params:
        model=MODEL,
    log:
        "results/logs/genes.{contig}.log",
    conda:
        "../envs/variantformer.yaml"
    shell:
        "python {input.script:q} --model {params.model:q} --contig {wildcards.contig} --output {output:q} > {log:q} 2>&1"
