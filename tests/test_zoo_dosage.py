"""Models of dosages: what every model passes, and what a person's file does not say."""

import pytest
from dosage_case import dosage_case
from gene_model_tests import Case, GeneModelTests


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return dosage_case(tmp_path_factory.mktemp("dosage"))


class TestLinear(GeneModelTests):
    """What every model passes."""

    epochs = 90
