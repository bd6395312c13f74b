# The predictions against what was measured.
rule evaluate:
    """Correlations over people and over genes, a tissue at a time; only where the config names expression."""
    input:
        parts=PARTS,
        expression=lambda wildcards: config["expression"],
        script=workflow.source_path("../scripts/evaluate.py"),
    output:
        summary="results/evaluation.tsv",
        genes="results/evaluation.genes.tsv",
    log:
        "results/logs/evaluate.log",
    conda:
        "../envs/variantformer.yaml"
    shell:
        "python {input.script:q} --expression {input.expression:q} --output {output.summary:q}"
        " --genes {output.genes:q} {input.parts:q} > {log:q} 2>&1"
