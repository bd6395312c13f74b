"""``variantformer risk``: forests of a disease on embeddings or genotypes of people."""

import typer

from .outputs import closing
from .risk_counterfactual import counterfactual
from .risk_predict import predict
from .risk_train import evaluate, train

risk = typer.Typer(
    help="Classifiers of a disease on embeddings of people: train, evaluate, predict. Research use only.",
    no_args_is_help=True,
)


@risk.callback()
def _risk() -> None:
    """Classifiers of a disease on embeddings of people. Research use only."""


for command in (train, evaluate, predict, counterfactual):
    risk.command()(closing(command))
