"""The store of elements' vectors: found by content, safe under several processes, never another model's."""

import errno
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from forked_processes import Forked

from variantformer_hf.errors import InputError
from variantformer_hf.modeling import VariantFormerEncoderConfig
from variantformer_hf.zoo.variantformer.element_store import ElementStore, encoder_identity, token_key

WIDTH = 4


def elements(seed: int, n: int) -> tuple[list[bytes], np.ndarray]:
    rng = np.random.default_rng(seed)
    keys = [token_key(np.array([seed, number], dtype=np.int32)) for number in range(n)]
    return keys, rng.standard_normal((n, WIDTH), dtype=np.float32)


def test_what_was_added_is_found_in_any_order(tmp_path: Path) -> None:
    store = ElementStore(tmp_path / "store", "encoder", WIDTH)
    assert store.find([])[1].shape == (0, WIDTH)
    first, second = elements(1, 50), elements(2, 30)
    store.add(*first)
    store.add(*second, of_reference=True)
    keys = [*second[0][::-1], *elements(3, 5)[0], *first[0][10:20]]
    for opened in (store, ElementStore(tmp_path / "store", "encoder", WIDTH)):
        there, vectors = opened.find(keys)
        assert there.tolist() == [True] * 30 + [False] * 5 + [True] * 10
        assert np.array_equal(vectors, np.concatenate([second[1][::-1], first[1][10:20]]))
        assert len(opened) == 80


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    store = ElementStore(tmp_path, "encoder", WIDTH)
    keys, vectors = elements(1, 20)
    store.add(keys[:15], vectors[:15])
    store.add(keys, vectors)
    store.add(keys, vectors)
    assert len(store) == 20
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


@pytest.mark.parametrize(("identity", "width"), [("another", WIDTH), ("encoder", WIDTH + 1)])
def test_another_models_store_is_refused(tmp_path: Path, identity: str, width: int) -> None:
    ElementStore(tmp_path, "encoder", WIDTH).add(*elements(1, 3))
    with pytest.raises(InputError, match=r"another model.*precompute"):
        ElementStore(tmp_path, identity, width)


def test_the_identity_changes_with_all_that_a_vector_depends_on() -> None:
    config = VariantFormerEncoderConfig()
    base = encoder_identity("a" * 64, config, "float32")
    others = [
        encoder_identity("b" * 64, config, "float32"),
        encoder_identity("a" * 64, config, "bfloat16"),
        encoder_identity("a" * 64, VariantFormerEncoderConfig(num_attention_heads=4), "float32"),
        encoder_identity("a" * 64, VariantFormerEncoderConfig(layer_norm_eps=1e-6), "float32"),
        encoder_identity("a" * 64, VariantFormerEncoderConfig(pooling="mean"), "float32"),
    ]
    assert len({base, *others}) == 6
    assert base == encoder_identity("a" * 64, VariantFormerEncoderConfig(attention_dropout=0.0), "float32")


def test_people_make_room_and_the_reference_stays(tmp_path: Path) -> None:
    store = ElementStore(tmp_path, "encoder", WIDTH, most_bytes=3_000)
    reference = elements(0, 100)
    store.add(*reference, of_reference=True)
    for seed in range(1, 6):
        store.add(*elements(seed, 40))
    people = list(tmp_path.glob("people-*.safetensors"))
    assert 0 < sum(path.stat().st_size for path in people) <= 3_000
    assert store.find(reference[0])[0].all()
    assert store.find(elements(5, 40)[0])[0].all()
    assert not store.find(elements(1, 40)[0])[0].any()
    assert not ElementStore(tmp_path, "encoder", WIDTH).find(elements(1, 40)[0])[0].any()


def test_a_file_that_another_process_removed_or_added_is_noticed(tmp_path: Path) -> None:
    store, other = (ElementStore(tmp_path, "encoder", WIDTH) for _ in range(2))
    keys, vectors = elements(1, 10)
    store.add(keys, vectors)
    assert not other.find(keys)[0].any()
    other.refresh()
    assert np.array_equal(other.find(keys)[1], vectors)
    next(tmp_path.glob("people-*")).unlink()
    assert np.array_equal(other.find(keys)[1], vectors)  # it is mapped as long as it is held
    other.refresh()
    assert not other.find(keys)[0].any()


def only_file(folder: Path, kind: str = "people") -> Path:
    (path,) = folder.glob(f"{kind}-*.safetensors")
    return path


@pytest.mark.parametrize("content", [b"", b"no safetensors", None])
def test_a_damaged_file_is_set_aside_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    store = ElementStore(tmp_path, "encoder", WIDTH)
    keys, vectors = elements(1, 10)
    store.add(keys, vectors)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-8] if content is None else content)
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        found = ElementStore(tmp_path, "encoder", WIDTH)
    assert f"{path}: is damaged" in caplog.text
    assert len(found.damage) == 1
    assert not found.find(keys)[0].any()
    assert path.with_name(f"{path.name}.damaged").exists()
    found.add(keys, vectors)
    assert found.find(keys)[0].all()


def test_a_flipped_bit_anywhere_in_a_file_changes_no_vector(tmp_path: Path) -> None:
    keys, vectors = elements(1, 6)
    ElementStore(tmp_path / "store", "encoder", WIDTH).add(keys, vectors, of_reference=True)
    whole = only_file(tmp_path / "store", "reference")
    content = whole.read_bytes()
    for place in range(0, 8 * len(content), 13):  # no step of whole bytes: each time another bit
        folder = tmp_path / str(place)
        shutil.copytree(tmp_path / "store", folder)
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        (folder / whole.name).write_bytes(flipped)
        store = ElementStore(folder, "encoder", WIDTH)
        there, found = store.find(keys)
        assert np.array_equal(found, vectors[there])
        assert there.all() or store.damage
        store.add(keys, vectors, of_reference=True)
        assert np.array_equal(store.find(keys)[1], vectors)
        again = ElementStore(folder, "encoder", WIDTH)
        assert again.find(keys)[0].all()
        assert not again.damage
        shutil.rmtree(folder)


def test_of_a_file_with_a_damaged_vector_the_others_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys, vectors = elements(1, 50)
    ElementStore(tmp_path, "encoder", WIDTH).add(keys, vectors, of_reference=True)
    path = only_file(tmp_path, "reference")
    at = path.read_bytes().index(vectors[7].tobytes())
    with path.open("r+b") as file:
        file.seek(at + 2)
        file.write(b"\x99")
    store = ElementStore(tmp_path, "encoder", WIDTH)
    assert not store.damage  # a vector is looked at when it is asked for
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        there, found = store.find(keys)
    assert np.flatnonzero(~there).tolist() == [7]
    assert np.array_equal(found, np.delete(vectors, 7, axis=0))
    assert f"{path}: the vectors of 1 cCREs are damaged (row " in caplog.text
    assert only_file(tmp_path, "reference") != path
    for opened in (store, ElementStore(tmp_path, "encoder", WIDTH)):
        assert opened.find(keys)[0].sum() == 49
    store.add(keys, vectors, of_reference=True)
    assert np.array_equal(ElementStore(tmp_path, "encoder", WIDTH).find(keys)[1], vectors)


def test_a_folder_that_cannot_be_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, vectors = elements(1, 50)
    ElementStore(tmp_path, "encoder", WIDTH).add(keys, vectors)
    path = only_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[content.index(vectors[7].tobytes())] ^= 1
    path.write_bytes(content)

    def refused(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("write_bytes", "write_text", "replace"):
        monkeypatch.setattr(Path, name, refused)
    store = ElementStore(tmp_path, "encoder", WIDTH)
    for _ in range(2):
        assert np.array_equal(store.find(keys)[1], np.delete(vectors, 7, axis=0))
        store.refresh()
    assert len(store.damage) == 1
    assert "cannot be set aside" in store.damage[0]
    with pytest.raises(InputError, match=r"cannot be written \(Read-only file system\).*--store"):
        store.add(*elements(2, 3))
    assert not list(tmp_path.glob(".*partial"))


def test_a_file_can_be_read_by_others(tmp_path: Path) -> None:
    ElementStore(tmp_path, "encoder", WIDTH).add(*elements(1, 3))
    before = os.umask(0o022)
    os.umask(before)
    assert only_file(tmp_path).stat().st_mode & 0o777 == 0o666 & ~before


def test_one_thread_adds_while_others_look(tmp_path: Path) -> None:
    store, other = (ElementStore(tmp_path, "encoder", WIDTH) for _ in range(2))
    known = elements(0, 5)
    store.add(*known)
    stop = threading.Event()
    errors: list[Exception] = []

    def repeat(act: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                act()
        except (AssertionError, RuntimeError, InputError) as error:
            errors.append(error)

    def look() -> None:
        assert np.array_equal(store.find(known[0])[1], known[1])
        assert len(store) >= 5

    threads = [threading.Thread(target=repeat, args=(act,)) for act in (store.refresh, store.refresh, look, look)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for seed in range(1, 60):
            (store if seed % 2 else other).add(*elements(seed, 3))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert not errors
    store.refresh()
    assert all(store.find(elements(seed, 3)[0])[0].all() for seed in range(1, 60))
    assert len(store) == 5 + 59 * 3


def test_a_damaged_description_names_the_remedy(tmp_path: Path) -> None:
    keys, vectors = elements(1, 3)
    ElementStore(tmp_path, "encoder", WIDTH).add(keys, vectors)
    path = tmp_path / "store.json"
    content = path.read_bytes()
    for place in range(0, 8 * len(content), 3):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=r"store.json.* is damaged, or of an earlier version. Remove this file"):
            ElementStore(tmp_path, "encoder", WIDTH)
    for other in (b"", b"[1]", b"7", b"{}", b'{"checksum": "0"}'):
        path.write_bytes(other)
        with pytest.raises(InputError, match="Remove this file"):
            ElementStore(tmp_path, "encoder", WIDTH)
    path.unlink()
    assert np.array_equal(ElementStore(tmp_path, "encoder", WIDTH).find(keys)[1], vectors)
    path.unlink()
    assert not ElementStore(tmp_path, "another", WIDTH).find(keys)[0].any()  # each file says whose it is


def test_several_processes_add_at_once(tmp_path: Path) -> None:
    script, folder = tmp_path / "add.py", tmp_path / "store"
    script.write_text(
        "import sys, numpy as np\n"
        "from variantformer_hf.zoo.variantformer.element_store import ElementStore, token_key\n"
        "store = ElementStore(sys.argv[1], 'encoder', 4)\n"
        "for start in range(0, 60, 6):\n"
        "    numbers = range(start, start + 10)\n"
        "    keys = [token_key(np.array([n], dtype=np.int32)) for n in numbers]\n"
        "    store.add(keys, np.array([[n] * 4 for n in numbers], dtype=np.float32))\n"
    )
    running = [Forked([script, folder], tmp_path / f"said.{number}") for number in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0], [process.said for process in running]
    store = ElementStore(folder, "encoder", WIDTH)
    there, vectors = store.find([token_key(np.array([number], dtype=np.int32)) for number in range(64)])
    assert there.all()
    assert vectors[:, 0].tolist() == list(range(64))
    assert not list(folder.glob("*.partial")) + list(folder.glob(".*partial"))
