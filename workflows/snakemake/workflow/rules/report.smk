# What was read, used and skipped, of all people.
rule report:
    """The match reports of all parts as one page, and a table with a row a person."""
    input:
        parts=PARTS,
        evaluation="results/evaluation.tsv" if "expression" in config else [],
        script=workflow.source_path("../scripts/report.py"),
    output:
        page="results/report.md",
        people="results/report.tsv",
    params:
        evaluation=lambda wildcards, input: ["--evaluation", input.evaluation] if input.evaluation else [],
    log:
        "results/logs/report.log",
    conda:
        "../envs/variantformer.yaml"
    shell:
        "python {input.script:q} --page {output.page:q} --people {output.people:q} {params.evaluation:q}"
        " {input.parts:q} > {log:q} 2>&1"
