"""Networks of windows as tenants of the zoo: what every model passes, and what is theirs."""

import pytest
from gene_model_tests import Case, GeneModelTests
from window_case import window_case

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def enformer(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return window_case(tmp_path_factory.mktemp("enformer"), "enformer")


@pytest.fixture(scope="module")
def borzoi(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return window_case(tmp_path_factory.mktemp("borzoi"), "borzoi")


class TestEnformer(GeneModelTests):
    """What every model passes, Enformer: bins around the TSS."""

    @pytest.fixture
    def case(self, enformer: Case) -> Case:
        return enformer


class TestBorzoi(GeneModelTests):
    """What every model passes, Borzoi: bins of exons."""

    @pytest.fixture
    def case(self, borzoi: Case) -> Case:
        return borzoi
