"""One-hot DNA."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variantformer_hf.tokenization.one_hot import CODES, one_hot, other_letters


def test_channels_are_a_c_g_t_in_this_order() -> None:
    assert one_hot("ACGT").tolist() == np.eye(4).tolist()
    assert one_hot("acgt").tolist() == np.eye(4).tolist()
    assert one_hot("T").dtype == np.float32
    assert one_hot("").shape == (0, 4)


def test_n_is_a_quarter_of_each_base_or_nothing() -> None:
    assert one_hot("Nn").tolist() == [[0.25] * 4] * 2
    assert one_hot("Nn", n=0).tolist() == [[0.0] * 4] * 2


def test_other_letters_read_as_n_and_are_counted() -> None:
    assert one_hot("R*-a", n=0.25).tolist() == [[0.25] * 4] * 3 + [[1, 0, 0, 0]]
    assert other_letters("R*-aNn") == 3
    assert other_letters("R*-aNn", iupac=True) == 2


def test_codes_write_the_shares_of_their_bases_where_asked() -> None:
    assert one_hot("Rr", iupac=True).tolist() == [[0.5, 0, 0.5, 0]] * 2
    for code, bases in CODES.items():
        found = dict(zip("ACGT", one_hot(code, iupac=True, dtype=np.float64)[0], strict=True))
        assert found == {base: 1 / len(bases) if base in bases else 0 for base in "ACGT"}
    assert one_hot("N", iupac=True).tolist() == [[0.25] * 4]


@given(st.text(alphabet="ACGTNacgtnRYSWKMBDHV*-.", max_size=50), st.sampled_from([0, 0.25]), st.booleans())
def test_text_bytes_and_codes_read_alike_and_a_base_sums_to_one(sequence: str, n: float, iupac: bool) -> None:
    found = one_hot(sequence, n=n, iupac=iupac)
    codes = np.frombuffer(sequence.encode(), dtype=np.uint8)
    assert found.shape == (len(sequence), 4)
    assert (one_hot(sequence.encode(), n=n, iupac=iupac) == found).all()
    assert (one_hot(np.stack([codes, codes]), n=n, iupac=iupac) == found).all()
    is_known = np.isin(codes, np.frombuffer(b"ACGTacgt" + (b"RYSWKMBDHV" if iupac else b""), dtype=np.uint8))
    assert np.allclose(found.sum(axis=1), np.where(is_known, 1, 4 * n))
    complement = sequence.upper().translate(str.maketrans("ACGTRYSWKMBDHV", "TGCAYRSWMKVHDB"))[::-1]
    assert (one_hot(complement, n=n, iupac=iupac) == found[::-1, ::-1]).all()


def test_an_integer_type_holds_no_shares() -> None:
    assert one_hot("AN", n=0, dtype=np.uint8).tolist() == [[1, 0, 0, 0], [0] * 4]
    with pytest.raises(ValueError, match=r"uint8 holds no shares: n = 0\.25"):
        one_hot("A", dtype=np.uint8)
    with pytest.raises(ValueError, match="letters are uint8 codes, not int64"):
        one_hot(np.array([65]))


def test_it_needs_no_tokenizers() -> None:
    heavy = {"tokenizers", "transformers", "torch"}
    code = f"import sys, variantformer_hf.tokenization.one_hot; print({heavy} & {{*sys.modules}})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
