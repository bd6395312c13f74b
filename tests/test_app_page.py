"""docs/app.md does what it says, and so does the Space: each command serves the page until it is told to stop."""

import re
import shlex
import signal
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from app_case import BAD
from forked_processes import Forked
from page_blocks import DOCS, shown_blocks

PAGE = (DOCS / "app.md").read_text()
COMMANDS = [block for block in shown_blocks(PAGE) if block.code.startswith("variantformer app")]
SPACE = DOCS.parent / "containers" / "space"
# A forked process remembers where its parent's temporary files are.
START = "import tempfile\ntempfile.tempdir = None\n"
COMMAND_LINE = f"{START}from variantformer_hf.cli import main\nmain()\n"
OF_SPACE = f"{START}import runpy\nrunpy.run_path({str(SPACE / 'app.py')!r}, run_name='__main__')\n"


def served(script: str, words: list[str], folder: Path, **environment: str) -> str:
    """Start a script, ask it for its page, and end it by Ctrl-C; what it said."""
    temporary, path = folder / "temporary", folder / "script.py"
    temporary.mkdir()
    path.write_text(script)
    server = Forked([path, *words], folder / "log.txt", TMPDIR=str(temporary), **environment)
    end = time.monotonic() + 240
    while not (found := re.search(r"http://127\.0\.0\.1:\d+", server.said)):
        assert server.code is None and time.monotonic() < end, server.said
        time.sleep(0.1)
    with urllib.request.urlopen(f"{found[0]}/") as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert b"Expression from a person" in answer.read()
    assert list(temporary.iterdir()) != []
    server.send(signal.SIGINT)
    server.wait(60)
    assert list(temporary.iterdir()) == []
    return server.said


# The cookbook's starts the app too, and is not slow: see test_cookbook_page.
@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_each_command_serves_the_page(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gradio")
    words = shlex.split(COMMANDS[number].code)[1:]
    if "demo-output/model" in words:
        from variantformer_hf.app.server import write_demo

        monkeypatch.chdir(tmp_path)
        Path("demo-output").mkdir()
        write_demo(Path("demo-output"))
    else:
        words += ["--port", "7860"]
    port = words.index("--port") + 1
    shown, words[port] = words[port], "0"
    said = served(COMMAND_LINE, words, tmp_path)
    assert re.sub(r":\d+ ", f":{shown} ", said) == f"{COMMANDS[number].shown}stopped by SIGINT\n"


@pytest.mark.slow
def test_the_space_serves_the_page(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    assert "is ready" in served(OF_SPACE, [], tmp_path, GRADIO_SERVER_PORT="0")


def test_the_card_of_the_space_names_what_is_there() -> None:
    _, head, text = (SPACE / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(head)
    assert card["sdk"] == "gradio" and int(card["sdk_version"].split(".")[0]) >= 6
    assert (SPACE / card["app_file"]).is_file() and "Research use only" in text
    assert (SPACE / "requirements.txt").read_text().split() == ["variantformer-hf[app]"]
    assert len(card["short_description"]) <= 60


def test_the_page_shows_what_is_said_of_bad_uploads() -> None:
    for name in ("notes.txt", "gzip.vcf.gz"):
        sentence = BAD[name].partition(": ")[2]
        assert sentence in PAGE, sentence
    assert BAD["unsorted.vcf"].partition(": ")[2].partition(" Sort it")[0] in PAGE
