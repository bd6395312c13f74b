"""The README.md of a folder from another library: the model's card, and what is known of this copy."""

from importlib import resources

from .summary import ConversionSummary

_MARK = "<!-- this copy -->"


def card_of_copy(card: str, summary: ConversionSummary, facts: list[str]) -> str:
    """Text of a card of the zoo, with a section about this copy.

    Args:
        card: its name in model_cards.
        summary: what the conversion wrote.
        facts: of the model, a line each.
    """
    text = resources.files("variantformer_hf").joinpath("model_cards", f"{card}.md").read_text(encoding="utf-8")
    lines = [
        "Written by `variantformer convert`.",
        "",
        f"- Class: `{summary.architecture}`; {summary.n_parameters:,} numbers in its weight files",
        *(f"- {fact}" for fact in facts),
        *(f"- Left out of the checkpoint: {reason} ({count})" for reason, count in sorted(summary.dropped.items())),
        *(f"- SHA-256 of `{name}`: `{digest}`" for name, digest in summary.sha256.items()),
        *(f"- SHA-256 of the published `{name}`: `{digest}`" for name, digest in summary.source_sha256.items()),
        f"- Parity: {summary.parity}",
    ]
    return text.replace(_MARK, "## This copy\n\n" + "\n".join(lines))
