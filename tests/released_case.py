"""The release in small: checkpoints, vocabularies and tables, and what else was released, in its files' formats."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import RandomForestClassifier

from variantformer_hf.conversion import released_files
from variantformer_hf.genome.interval import reverse_complement
from variantformer_hf.tokenization import DnaTokenizer

ENCODER = {
    "vocab_size": 40,
    "embedding_dim": 16,
    "num_heads": 4,
    "num_layers": 2,
    "num_tissues": 3,
    "num_classes": 2,
    "loss_fn": ["cross_entropy", 0],
    "seq_pool": "linear",
    "token_length": 20,
    "use_context": False,
    "positional_encoding": "alibi",
    "use_flash": True,
    "strand_agg": "concat",
    "tissues": ["t0", "t1", "t2"],
    "use_dual_loss": True,
    "reduction": "mean",
    "learning_rate": 1e-4,
}
MODEL = {
    "num_tissues": 4,
    "emb_dim": 24,
    "gene_emb_dim": 16,
    "num_heads": 6,
    "num_layers": 3,
    "use_alibi": True,
    "mlp_dout": 0.1,
    "use_context": True,
    "token_dim": 16,
    "gene_pooling": "multi_registry",
    "only_cross_attention": False,
    "multi_head": False,
    "use_bigger_head": True,
    "use_res": False,
    "cross_alibi": False,
    "use_batching": True,
    "add_context_to_cres": False,
    "concat_tissue_context_cres": False,
    "flash_attn_3": False,
}
ENCODER_LAYER = {
    "MHA.Wqkv": (48, 16),
    "MHA.out_proj": (16, 16),
    "norm1": (16,),
    "norm2": (16,),
    "linear_geglu_1": (2048, 16),
    "linear_geglu_2": (16, 1024),
}
MODULATOR_LAYER = {
    "mixer.MHA.Wqkv": (72, 24),
    "mixer.MHA.out_proj": (24, 24),
    "crossMHA.MHA.Wq": (24, 24),
    "crossMHA.MHA.Wkv": (48, 24),
    "crossMHA.MHA.out_proj": (24, 24),
    "norm1": (24,),
    "norm2": (24,),
    "norm3": (24,),
    "linear_geglu_1": (2048, 24),
    "linear_geglu_2": (24, 1024),
}


def with_bias(name: str, shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.randn(shape), f"{name}.bias": torch.randn(shape[0])}


def encoder_state(prefix: str = "") -> dict[str, torch.Tensor]:
    state = {f"{prefix}token_embedding.weight": torch.randn(40, 16)} | with_bias(f"{prefix}linear", (1, 20))
    for index in range(2):
        for part, shape in ENCODER_LAYER.items():
            state |= with_bias(f"{prefix}transformer_encoder.{index}.{part}", shape)
    for tissue in range(3):
        state |= with_bias(f"{prefix}tissue_classifiers.{tissue}", (2, 32))
    return state


def expression_state() -> dict[str, torch.Tensor]:
    state = encoder_state("cre_tokenizer.") | encoder_state("gene_tokenizer.")
    state |= with_bias("cre_map", (24, 16)) | with_bias("gene_map", (24, 16))
    state["start_tkn.registry_tokens.weight"] = torch.randn(4, 24)
    state["combined_modulator.second_level_context_embedding.weight"] = torch.randn(9, 24)
    for stream, count in (("cre_layers", 2), ("gene_layers", 3)):
        for index in range(count):
            name = f"combined_modulator.{stream}.{index}"
            state[f"{name}.m"] = torch.randn(6)
            for part, shape in MODULATOR_LAYER.items():
                state |= with_bias(f"{name}.{part}", shape)
    for index, shape in ((0, (24, 24)), (1, (24,)), (4, (24, 24)), (6, (1, 24))):
        state |= with_bias(f"tissue_heads.tissue_expressions.{index}", shape)
    return state


def write_released(folder: Path) -> dict[str, Path]:
    """Small checkpoints of both stages, and the files that go with them, as they were released: what -> file."""
    torch.manual_seed(0)
    files = {
        name: folder / file
        for name, file in (
            ("checkpoint", "v4.pth"),
            ("encoder_checkpoint", "tok.pth"),
            ("vocabulary", "bpe.json"),
            ("tissues", "tissues.yaml"),
            ("genes", "genes.csv"),
            ("cres", "cres.bed"),
        )
    }
    optimizer = [{"state": {0: {"exp_avg": torch.zeros(1000)}}}]
    expression = {"state_dict": expression_state(), "hyper_parameters": MODEL, "optimizer_states": optimizer}
    torch.save(expression, files["checkpoint"])
    torch.save({"state_dict": encoder_state(), "hyper_parameters": ENCODER}, files["encoder_checkpoint"])
    tokenizer = DnaTokenizer.train(["ACGTTGCAACGGTATATTACGCGACTTGACC" * 20], vocab_size=40)
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    bare = content | {"normalizer": None, "pre_tokenizer": None, "post_processor": None}
    files["vocabulary"].write_text(json.dumps(bare))
    files["tissues"].write_text("liver: 0\nwhole blood: 2\nbrain - cortex: 3\n")
    files["genes"].write_text("gene_id,gene_name,chromosome,start,end,strand\nENSG00000000001.1,A,chr1,10,90,+\n")
    files["cres"].write_text("chr1\t10\t40\tE1\t0\t.\t10\t40\t0,0,0\tPLS\n")
    return files


def laid_out(released: dict[str, Path], folder: Path, *, old: bool, models: tuple[str, ...] = ("pcg",)) -> Path:
    """The released files where their authors' downloader puts them, or by their keys in the bucket."""
    of_key = {
        "model/v4_pcg/tokenizer_checkpoint.pth": released["encoder_checkpoint"],
        released_files.VOCABULARY: released["vocabulary"],
        released_files.TISSUES: released["tissues"],
        "model/common/ENCFF234XEZ.bed.gz": released["cres"],
    }
    for model in models:
        of_key[f"model/v4_{model}/checkpoint.pth"] = released["checkpoint"]
        of_key[f"model/v4_{model}/all_genes_gencodeV24.csv"] = released["genes"]
    for file in released_files.FILES:
        if file.key in of_key:
            path = folder / (file.local_names[0] if old else file.key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(of_key[file.key].read_bytes())
    return folder


def gene_list(folder: Path, gene: str, places: list[tuple[int, int, str]], start: int, end: int) -> None:
    rows = [
        {
            "chromosome": "chr1",
            "start": start,
            "end": end,
            "gene_id": gene,
            "gene_name": "G",
            "strand": "+",
            "start_cre": a,
            "end_cre": b,
            "cre_id": f"E{a}",
            "score": 0,
            "strand_cre": ".",
            "att1": a,
            "att2": b,
            "cre_color": "0,0,0",
            "cre_name": kind,
            "embedding": "",
            "start_gene": start,
            "end_gene": end,
        }
        for a, b, kind in places
    ]
    (folder / gene).mkdir(parents=True)
    pd.DataFrame(rows).to_csv(folder / gene / "gene_vocab.csv", index=False)


def released_genomes(folder: Path) -> Path:
    for population, sample in (("hg38", "hg38"), ("eur", "HG00096")):
        genes = folder / "data" / population / "genes/data"
        cres = folder / "data_split" / population / "cres/data_split"
        genes.mkdir(parents=True)
        cres.mkdir(parents=True)
        text = "ACGRT" if population == "eur" else "ACGGT"
        pair = f"{text},{reverse_complement(text)}"
        np.savez(genes / f"ENSG1.1_{sample}.npz", sequence=np.array([pair]), strand=np.array(["-"], dtype=object))
        frame = pd.DataFrame(
            {
                "chrom": ["chr19", "chr19"],
                "start": [10, 50],
                "end": [15, 55],
                "cCRE": ["PLS", "dELS"],
                f"{sample}_sequence": [pair, pair],
                f"{sample}_encoded_seq": [[[4, 5], [6]], [np.array([7]), [8, 9]]],
            }
        )
        frame.to_pickle(cres / f"{sample}_chr19.pkl.gz")
    return folder


def forest(path: Path, seed: int, depth: int = 6) -> tuple[RandomForestClassifier, np.ndarray]:
    import treelite

    rng = np.random.default_rng(seed)
    features = rng.normal(size=(120, 8)).astype(np.float32)
    labels = (features[:, 0] + features[:, 1] * features[:, 2] > 0).astype(int)
    model = RandomForestClassifier(15, max_depth=depth, random_state=seed).fit(features, labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    treelite.sklearn.import_model(model).serialize(path)
    return model, rng.normal(size=(200, 8)).astype(np.float32)


def write_bucket(folder: Path, variants: Sequence[tuple[str, int, str, str]]) -> dict[str, Path]:
    """Everything that was released, by its key in the bucket; the files of :func:`write_released`.

    Args:
        folder: the bucket.
        variants: chrom, position from 1, REF, ALT: whose frequencies are in the tables, 0.1 to 0.5 in each population.
    """
    checkpoints = folder.with_name(f"{folder.name}-checkpoints")
    checkpoints.mkdir()
    released = write_released(checkpoints)
    laid_out(released, folder, old=False, models=("pcg", "ag"))
    common = folder / "model/common"
    # Lists and genomes have manifests beside them, which nothing here reads.
    for name in ("cres_all_genes_manifest", "reference_genomes/genes_seqs_manifest"):
        path = common / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        pd.DataFrame({"gene_id": ["ENSG00000000001.1"]}).to_parquet(path)
    pd.DataFrame({"chrom": ["chr19"]}).to_parquet(common / "reference_genomes/cres_seqs_manifest.parquet")
    gene_list(common / "cres_all_genes", "ENSG00000000001.1", [(10, 40, "PLS")], 10, 90)
    released_genomes(common / "reference_genomes")
    forest(folder / "alzheimer_disease/ENSG00000000001.1/model_tissue_7.tl", 0)
    populations = ("EUR", "AFR", "EAS", "SAS", "AMR")
    for file in released_files.FILES:
        if file.what == "frequencies":
            contig = Path(file.key).stem.rpartition("_")[2]
            rows = [(*each, *(0.1 * (place + 1) for place in range(5))) for each in variants if each[0] == contig]
            table = pd.DataFrame(rows, columns=["chr", "pos", "ref", "alt", *(f"AF_{name}" for name in populations)])
            path = folder / file.key
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(path, sep="\t", index=False)
    return released
