"""The page: what a reader chooses, and tabs of what is found. All that is computed is in ``answers`` and ``views``."""

import logging
import traceback
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import InputError
from ..report.person_report import FIRST
from .answers import MOST_VARIANTS, Question, ServedModel, shown_genes
from .uploads import MOST_BYTES, check_size, prepare_vcf
from .views import AnswerPage, page_style
from .visits import Request, RequestStopped, Visits

logger = logging.getLogger(__name__)

TITLE = "Expression from a person's genome"
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "DejaVu Sans", "sans-serif")
_MONO = ("ui-monospace", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")
_WHOSE = {"reference": "reference genome", "demo": "demo person", "upload": "uploaded VCF"}
_NOTHING, _STOPPED = "Name a gene, and press Predict.", "Stopped; nothing of it is kept."
# A reader's browser may ask this server, and nobody else.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'none'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
_MOST_QUEUED, _PLACES, _PLACE_HEIGHT = 20, 8, 160


# What a browser says of a file that it has sent.
Sent = Mapping[str, Any] | None


class _OwnHostOnly:
    """Adds headers by which a browser asks nothing of other hosts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                names = {name for name, _ in added}
                message["headers"] = [*(each for each in message["headers"] if each[0].lower() not in names), *added]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class Desk:
    """What happens on the page: each method is one thing that a reader does.

    Args:
        served: the model.
        visits: what is the readers'.
    """

    def __init__(self, served: ServedModel, visits: Visits) -> None:
        self._served, self._visits = served, visits

    def find_genes(self, typed: str) -> str:
        """Genes for what was typed so far."""
        genes = self._served.find_genes(typed)
        return _line(shown_genes(genes) if genes else "no such gene")

    def choose_whose(self, whose: str, request: gr.Request) -> Any:
        """Show what belongs to an upload, or hide and forget it."""
        is_upload = whose == "upload"
        if not is_upload:
            self._visits.forget(_visit(request))
        return gr.File(visible=is_upload, value=None), gr.Dropdown(visible=False, choices=[], value=None), ""

    def upload_person(self, sent: Sent, request: gr.Request) -> Any:
        """Take a VCF, and ask for the sample where it has several."""
        hidden = gr.Dropdown(visible=False, choices=[], value=None)
        try:
            waiting, given, name = self._take(sent, "person", request)
            vcf = waiting.vcf = prepare_vcf(given, name)
        except Exception as error:  # noqa: BLE001 -- see _said_of
            self._visits.forget(_visit(request), "person")
            return gr.File(value=None), hidden, _said_of(error)
        many = len(vcf.samples) > 1
        chosen = gr.Dropdown(visible=True, choices=list(vcf.samples), value=None) if many else hidden
        said = f"{len(vcf.samples):,} samples: choose one." if many else "Ready."
        return gr.File(), chosen, _line(f"{name}: {said}")

    def upload_variants(self, sent: Sent, request: gr.Request) -> Any:
        """Take a file of variants."""
        try:
            waiting, given, name = self._take(sent, "variants", request)
            check_size(given, name)
            waiting.variants = given, name
        except Exception as error:  # noqa: BLE001 -- see _said_of
            self._visits.forget(_visit(request), "variants")
            return gr.File(value=None), _said_of(error)
        return gr.File(), _line(f"{name}: ready.")

    def clear_person(self, request: gr.Request) -> Any:
        """A reader takes the VCF away."""
        self._visits.forget(_visit(request), "person")
        return gr.Dropdown(visible=False, choices=[], value=None), ""

    def clear_variants(self, request: gr.Request) -> str:
        """A reader takes the file of variants away."""
        self._visits.forget(_visit(request), "variants")
        return ""

    def predict(
        self,
        gene: str,
        tissues: list[str],
        mode: str,
        whose: Any,
        sample: str | None,
        variants: str | None,
        with_attention: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 -- Gradio looks for it there
    ) -> list[Any]:
        """Answer; the uploads are gone when this returns, however it does."""
        visit = _visit(request)
        asked = self._visits.begin(visit)
        results = None
        try:
            question = Question(
                gene=gene,
                tissues=tissues,
                mode=mode,
                whose=whose,
                sample=sample,
                variants=variants or "",
                with_attention=with_attention,
            )
            answer = self._served.answer(question, asked, lambda share, what: progress(share, desc=what))
            page = AnswerPage(answer)
            views = [page.expression(), page.body(), page.match(), page.effects(), page.enhancers()]
            written = [path.name for path in page.write_files(asked.part("results"))]
            results = self._visits.finish(visit, asked, asked.folder / "results")
            logger.info("answered: %d predictions, %d scores", len(answer.person.table), _rows(answer.effects))
            status = _line(page.headline())
            paths = [None if results is None else str(results / name) for name in written]
            return [status, *views, *_downloads(paths), *_emptied()]
        except RequestStopped:
            return [_line(_STOPPED), *_kept(), *_emptied()]
        except Exception as error:  # noqa: BLE001 -- see _said_of
            return [_said_of(error), *_kept(), *_emptied()]
        finally:
            if results is None:
                self._visits.finish(visit, asked)

    def stop(self, request: gr.Request) -> Any:
        """Have what is running end soon; what was uploaded goes."""
        visit = _visit(request)
        self._visits.stop(visit)
        self._visits.forget(visit)
        return [_line(_STOPPED), *_emptied()]

    def leave(self, request: gr.Request) -> None:
        """The browser has gone."""
        self._visits.end(_visit(request))

    def _take(self, sent: Sent, part: str, request: gr.Request) -> tuple[Request, Path, str]:
        """An upload, moved into the folder of the visit's next request: that, where it is now, and its name.

        Raises:
            InputError: it is not there.
        """
        waiting = self._visits.waiting(_visit(request))
        waiting.drop(part)
        arrived = Path((sent or {}).get("path") or "")
        return waiting, self._visits.take(arrived, waiting.part(part)), arrived.name


def build(served: ServedModel, visits: Visits) -> gr.Blocks:
    """The page of a model."""
    desk = Desk(served, visits)
    whose = [(said, name) for name, said in _WHOSE.items() if name != "demo" or served.has_person]
    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        _html(f"<h1>{TITLE}</h1><p class='first'>{escape(FIRST)}</p>", elem_id="head")
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                # What is asked for is what stands here: a list to choose from could change while it is clicked.
                gene = gr.Textbox(
                    "", label="Gene", info="symbol or Ensembl id; what you type is looked up below", elem_id="gene"
                )
                genes = _html(_line(shown_genes(served.find_genes(""))), elem_id="genes")
                tissues = gr.Dropdown(
                    served.tissues, value=[], multiselect=True, label="Tissues", info="none = all", elem_id="tissues"
                )
                mode = gr.Dropdown(
                    list(served.model.modes),
                    value=served.model.modes[0],
                    label="Mode",
                    info="how genotypes are read",
                    elem_id="mode",
                )
                who = gr.Radio(whose, value=whose[-2][1], label="Whose genome", elem_id="whose")
                person = gr.File(
                    label=f"VCF of one region, plain or bgzipped, at most {MOST_BYTES >> 20} MB",
                    visible=False,
                    elem_id="person",
                    height=_PLACE_HEIGHT,
                )
                sample = gr.Dropdown([], label="Sample", visible=False, elem_id="sample")
                of_person = _html(elem_id="of-person")
                with gr.Accordion("Variants", open=False, elem_id="variants-part"):
                    typed = gr.Textbox(
                        "",
                        label="Variants",
                        info=f"such as chr1:1234:A>G, at most {MOST_VARIANTS}",
                        lines=2,
                        elem_id="variants",
                    )
                    listed = gr.File(label="or a VCF or table of them", elem_id="variants-file", height=_PLACE_HEIGHT)
                    of_variants = _html(elem_id="of-variants")
                attention = gr.Checkbox(True, label="enhancer map", elem_id="with-map")
                with gr.Row():
                    run = gr.Button("Predict", variant="primary", elem_id="predict")
                    stop = gr.Button("Stop", variant="stop", elem_id="stop")
            with gr.Column(scale=5, min_width=300):
                status = _html(_line(_NOTHING), elem_id="status")
                names = ("Expression", "Body", "Match report", "Variant effects", "Enhancer map")
                shown = []
                with gr.Tabs():
                    for name in names:
                        with gr.Tab(name):
                            place = name.lower().replace(" ", "-")
                            shown.append(_html(_nothing(), elem_id=f"tab-{place}"))
                    with gr.Tab("Downloads"):
                        _html(
                            "<p>The last answer. Its files are removed when this page is closed.</p>",
                        )
                        files_ = [
                            gr.DownloadButton(said, interactive=False, elem_id=f"get-{said.lower()}")
                            for said in ("Parquet", "CSV", "Report")
                        ]
        emptied = [person, sample, of_person, listed, of_variants]
        gene.input(desk.find_genes, gene, genes, show_progress="hidden", trigger_mode="always_last", **_quick())
        who.change(desk.choose_whose, who, [person, sample, of_person], **_quick())
        person.upload(desk.upload_person, person, [person, sample, of_person], **_unread())
        person.clear(desk.clear_person, None, [sample, of_person], **_quick())
        listed.upload(desk.upload_variants, listed, [listed, of_variants], **_unread())
        listed.clear(desk.clear_variants, None, of_variants, **_quick())
        asked = run.click(
            desk.predict,
            [gene, tissues, mode, who, sample, typed, attention],
            [status, *shown, *files_, *emptied],
            concurrency_limit=1,
            show_progress_on=status,
            api_visibility="private",
        )
        stop.click(desk.stop, None, [status, *emptied], cancels=[asked], queue=False, api_visibility="private")
        blocks.unload(desk.leave)
    blocks.queue(max_size=_MOST_QUEUED, api_open=False)
    return blocks


def launch(served: ServedModel, visits: Visits, host: str, port: int) -> gr.Blocks:
    """Show the page at an address, to this machine alone unless the address is another's; returns once it answers."""
    blocks = build(served, visits)
    style = files(__package__).joinpath("page.css").read_text("utf-8")
    blocks.launch(
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        server_name=host,
        server_port=port,
        max_file_size=MOST_BYTES,
        ssr_mode=False,
        run_history=False,
        footer_links=[],
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        inbrowser=False,
        show_error=False,
        theme=gr.themes.Default(font=_FONTS, font_mono=_MONO),
        head=f"<style>{style}{page_style('.said')}</style>",
        app_kwargs={"middleware": [Middleware(_OwnHostOnly)], "docs_url": None, "redoc_url": None},
    )
    return blocks


def _html(value: str = "", **options: Any) -> gr.HTML:
    """A place of HTML that has the report's style, and none of Gradio's."""
    return gr.HTML(value, elem_classes="said", apply_default_css=False, **options)


def _quick() -> dict[str, Any]:
    """Of what is done at once, also while others' predictions run."""
    return {"concurrency_limit": _PLACES, "concurrency_id": "quick", "api_visibility": "private"}


def _unread() -> dict[str, Any]:
    """The same, of what takes an upload as it came: Gradio's own reading leaves an empty file behind each time."""
    return {**_quick(), "preprocess": False}


def _visit(request: gr.Request) -> str:
    return str(request.session_hash)


def _line(text: str) -> str:
    return f'<p role="status">{escape(text)}</p>'


def _said_of(error: Exception) -> str:
    """What was wrong, in a sentence; of what nobody foresaw the kind and the place alone are logged and said.

    A traceback, and what an error says, may hold what is in a reader's file.
    """
    if not isinstance(error, InputError):
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        logger.error("something went wrong that was not foreseen: %s", where)
        error = InputError(f"something went wrong that was not foreseen ({where})")
    logger.info("refused: %s", type(error).__name__)
    return f'<ul class="warnings" role="alert"><li>{escape(str(error))}</li></ul>'


def _nothing() -> str:
    return f"<p>{escape(_NOTHING)}</p>"


def _kept() -> list[Any]:
    """The tabs and downloads of the answer before, as they are."""
    return [gr.skip()] * 8


def _downloads(paths: list[str | None]) -> list[Any]:
    return [gr.DownloadButton(value=path, interactive=path is not None) for path in paths]


def _emptied() -> list[Any]:
    """The places of uploads, which are gone."""
    return [gr.File(value=None), gr.Dropdown(visible=False, choices=[], value=None), "", gr.File(value=None), ""]


def _rows(table: Any) -> int:
    return 0 if table is None else len(table)
