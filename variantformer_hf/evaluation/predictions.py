"""All tables of an evaluation of predicted expression."""

from collections.abc import Callable

from .ancestry import add_ancestry
from .coverage import add_coverage
from .expression_map import Place, add_expression_map
from .gene_tables import add_cell_lines, add_gene_correlation, add_subject_correlation
from .paired import PairedExpression
from .results import EvaluationOptions, EvaluationResults
from .within_tissue import add_chromosome_folds, add_within_tissue


def evaluate_predictions(
    paired: PairedExpression,
    options: EvaluationOptions | None = None,
    results: EvaluationResults | None = None,
    *,
    place: Place | None = None,
    on_table: Callable[[int, int], None] = lambda done, total: None,
) -> EvaluationResults:
    """Every table of the papers that the samples allow, and why there is none of the others.

    Args:
        paired: measured and predicted expression.
        options: what the papers leave open.
        results: what was counted before.
        place: coordinates for the map of samples, which takes longest; None = no map.
        on_table: told how many tables are done, and of how many.
    """
    options, results = options or EvaluationOptions(), results or EvaluationResults()
    once = paired.each_once()
    steps: list[Callable[[], None]] = [
        lambda: add_gene_correlation(once, options, results),
        lambda: add_within_tissue(paired, options, results),
        lambda: add_subject_correlation(once, options, results),
        lambda: add_coverage(once, options, results),
        lambda: add_ancestry(once, options, results),
        lambda: add_cell_lines(once, options, results),
        lambda: add_chromosome_folds(once, results),
    ]
    if place is not None:
        steps.append(lambda: add_expression_map(once, options, results, place))
    for done, step in enumerate(steps, start=1):
        step()
        on_table(done, len(steps))
    return results
