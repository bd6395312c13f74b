"""Models of vectors: what every model passes, and where vectors come from."""

import pytest
from embedding_case import embedding_case
from gene_model_tests import Case, GeneModelTests

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return embedding_case(tmp_path_factory.mktemp("heads"), "heads")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return embedding_case(tmp_path_factory.mktemp("net"), "net")


class TestHeads(GeneModelTests):
    """What every model passes; what learns are the heads."""

    @pytest.fixture
    def case(self, heads: Case) -> Case:
        return heads


class TestNet(GeneModelTests):
    """What every model passes; what learns are weights and intercepts."""

    epochs = 60
    learning_rate = 0.1

    @pytest.fixture
    def case(self, net: Case) -> Case:
        return net
