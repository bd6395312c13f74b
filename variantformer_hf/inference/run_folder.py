"""A folder into which the units of one run are written, each whole, so that one that is cut short goes on where it was.

``_run.json`` says whose predictions it holds. Each unit has its values in a file (or more) named after what it is, and
notes in ``_units``, written last, that hold the files' hashes. A file that is gone or damaged is found by them, and its
unit is done again; the same unit done twice leaves the same files.
"""

import io
import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..named_files import NamedFiles, named_files
from ..work.units import Unit
from .predicted import PredictedGenes, PredictedUnit
from .run_contents import RUN_FILE, Layout, RunContents
from .unit_arrays import UnitArrays
from .unit_embeddings import UnitEmbeddings
from .unit_notes import UnitNotes, WrittenFile, content_hash, packed, unpacked, unpacked_genes
from .unit_rows import UnitRows

logger = logging.getLogger(__name__)

MANIFEST_FILE, REPORT_FILE, REJECTED_FILE = "_manifest.json", "_report.json", "_rejected.tsv"
UNITS_FOLDER, SAMPLES_FOLDER = "_units", "_samples"
_EMBEDDINGS_FOLDER = "_embeddings"
_LOCK = ".lock"
_OURS = (RUN_FILE, MANIFEST_FILE, REPORT_FILE, REJECTED_FILE)
_FORMS: dict[Layout, type[UnitRows | UnitArrays | UnitEmbeddings]] = {
    "parquet": UnitRows,
    "zarr": UnitArrays,
    "embeddings": UnitEmbeddings,
}


class RunFolder:
    """A run's folder that is there.

    Args:
        files: the folder.
        contents: what it holds.
    """

    def __init__(self, files: NamedFiles, contents: RunContents) -> None:
        self.files, self.contents = files, contents
        self._form = _FORMS[contents.layout](contents)
        self._key = contents.key
        self._asked: set[str] = set()

    @classmethod
    def begin(
        cls, place: str | Path, contents: RunContents, *, overwrite: bool = False, is_ours: bool = False
    ) -> "RunFolder":
        """Begin a run, or go on with it, in the units in which it was begun.

        Args:
            place: the folder; made where it is not there.
            contents: of the run.
            overwrite: what another run wrote there is removed instead of refused.
            is_ours: whatever lies there was written by runs of ours, by the folder's name.

        Raises:
            InputError: it holds another run's output, or files that no run wrote.
            OutputError: it cannot be written.
        """
        files = named_files(place)
        files.remove_partial()
        found = _contents_at(files)
        if found is not None and found.key == contents.key:
            return cls(files, contents.cut_as(found.cut))._with_files_of_run()
        there = [name for name in files.names() if name != _LOCK]
        begun = [name for name in there if name not in _of_any_run()]
        foreign = [] if is_ours else [name for name in there if not _is_ours(name)]
        if foreign or (begun and not (files.has(RUN_FILE) or is_ours)):
            raise InputError(
                f"holds files, and is no folder of predictions ({(foreign or begun)[0]})",
                file=files,
                remedy="Name another folder, or empty this one.",
            )
        if begun and not overwrite:
            raise InputError(
                f"holds the output of another run{_differences(found, contents)}",
                file=files,
                remedy="Finish that run with the options it had, or name another output, or give --overwrite.",
            )
        for name in sorted(there, key=RUN_FILE.__eq__):  # what says that they are ours goes last
            files.remove(name)
        begun_by = RunContents.unpacked(files.put_once(RUN_FILE, contents.packed()))
        if begun_by is None or begun_by.key != contents.key:
            raise InputError(
                "another run began here in this moment", file=files, remedy="Wait for it, or name another folder."
            )
        return cls(files, contents.cut_as(begun_by.cut))._with_files_of_run()

    @classmethod
    def at(cls, place: str | Path) -> "RunFolder":
        """The folder of a run that was begun.

        Raises:
            InputError: there is none, or its ``_run.json`` is damaged.
        """
        files = named_files(place)
        contents = _contents_at(files)
        if contents is None:
            there = files.has(RUN_FILE)
            raise InputError(
                f"its {RUN_FILE} is damaged" if there else f"is no folder of predictions: it has no {RUN_FILE}",
                file=files,
                remedy="Make it anew." if there else "Name one that `variantformer predict -o FOLDER/` wrote.",
            )
        return cls(files, contents)

    def is_done(self, unit: Unit) -> bool:
        """Whether a unit's files are there; the first time that it is asked for they are held against their hashes."""
        asked = unit.name in self._asked
        self._asked.add(unit.name)
        if asked:
            return self.files.has(notes_name(unit.name))
        notes = self.notes(unit.name)
        if notes is None:
            self.files.remove(notes_name(unit.name))
            return False
        for file in notes.files:
            problem = self._problem(file)
            if problem:
                logger.warning("%s/%s %s: what it held is done again", self.files, file.name, problem)
                for name in (notes_name(unit.name), file.name):
                    self.files.remove(name)
                return False
        return True

    def write(self, unit: Unit, done: PredictedUnit) -> None:
        """Write a unit. Where another run of the same command writes it too, its files are those that came first.

        Raises:
            OutputError: it cannot be written.
        """
        contents = self._form.of_unit(unit, done.predictions)
        if done.predictions.embeddings is not None and self.contents.layout != "embeddings":
            sink = io.BytesIO()
            np.save(sink, done.predictions.embeddings)
            contents[f"{_EMBEDDINGS_FOLDER}/{unit.name}.npy"] = sink.getvalue(), 0
        written = [
            WrittenFile.of(name, self.files.put_once(name, content), rows) for name, (content, rows) in contents.items()
        ]
        self.files.put_once(notes_name(unit.name), packed(self._key, written, done))

    def notes(self, unit: str) -> UnitNotes | None:
        """Notes of the unit of a name; None = it is not done, or they are damaged."""
        try:
            content = self.files.read(notes_name(unit))
        except FileNotFoundError:
            return None
        notes = unpacked(content)
        if notes is None or notes.key != self._key:
            logger.warning("%s/%s is damaged: its unit is not known to be done", self.files, notes_name(unit))
            return None
        return notes

    def endings(self, unit: str) -> tuple[np.ndarray, np.ndarray]:
        """Status and reason of the people and genes of the unit of a name, (P, G) text each.

        Raises:
            InputError: it is not done, or its notes are damaged.
        """
        try:
            found = unpacked_genes(self.files.read(notes_name(unit)))
        except FileNotFoundError:
            found = None
        if found is None or found[0] != self._key:
            raise InputError(
                f"the notes of its unit {unit} are damaged or gone",
                file=self.files,
                remedy="Start the command that writes it again: it goes on with what is missing.",
            )
        return found[1].status, found[1].reason

    def predictions(self, notes: UnitNotes) -> PredictedGenes:
        """A unit's predictions.

        Raises:
            InputError: a file of it is damaged or gone.
        """

        def read(name: str) -> bytes:
            file = next(file for file in notes.files if file.name == name)
            try:
                content = self.files.read(name)
            except FileNotFoundError:
                content = b""
            if content_hash(content) != file.hash:
                raise InputError(
                    "is damaged, or gone",
                    file=f"{self.files}/{name}",
                    remedy="Start the command that wrote it again: what it held is made anew.",
                )
            return content

        found = replace(notes.predictions, values=self._form.values(read, notes))
        embeddings = next((file.name for file in notes.files if file.name.startswith(_EMBEDDINGS_FOLDER)), None)
        return found if embeddings is None else replace(found, embeddings=np.load(io.BytesIO(read(embeddings))))

    def done_notes(self, unit: Unit) -> UnitNotes:
        """Notes of a unit that is done.

        Raises:
            InputError: it is not.
        """
        notes = self.notes(unit.name)
        if notes is None:
            raise InputError(
                f"the unit {unit.name} is not there", file=self.files, remedy="Start the same command again."
            )
        return notes

    def check_only(self, names: set[str]) -> None:
        """Check that what readers of the folder would read is of this run's units.

        Args:
            names: files of its units.

        Raises:
            InputError: another file of rows lies there.
        """
        for name in self.files.names():
            if name.endswith(".parquet") and name not in names:
                raise InputError(
                    "is no file of this run, and its rows would be read with those of the run",
                    file=f"{self.files}/{name}",
                    remedy="Move it out of the folder, and start the same command again.",
                )

    def remove(self) -> None:
        """Remove a local folder; its name is free at once, so that no later run finds a half of it."""
        folder = Path(str(self.files))
        old = folder.with_name(f".{folder.name}.removed")
        shutil.rmtree(old, ignore_errors=True)
        try:
            folder.rename(old)
        except FileNotFoundError:
            return  # by another process of the run
        shutil.rmtree(old, ignore_errors=True)

    def _with_files_of_run(self) -> "RunFolder":
        """What belongs to no unit, where it is not there as it should be."""
        for name, content in self._form.of_run().items():
            if not self.files.has(name) or self.files.read(name) != content:
                self.files.put(name, content)
        return self

    def _problem(self, file: WrittenFile) -> str:
        """What is wrong with a file; "" = nothing."""
        try:
            content = self.files.read(file.name)
        except FileNotFoundError:
            return "is gone"
        return "" if content_hash(content) == file.hash else "is damaged"


def notes_name(unit: str) -> str:
    """The file of a unit's notes."""
    return f"{UNITS_FOLDER}/{unit}.arrow"


def is_run_folder(place: str | Path) -> bool:
    """Whether a run's folder was begun there."""
    return named_files(place).has(RUN_FILE)


def forget_empty(folder: Path) -> None:
    """Remove what a run wrote into a local folder before its first unit, so that it stands in the way of no other."""
    names = list(named_files(folder).names())
    if all(name in _of_any_run() for name in names):
        for name in names:
            (folder / name).unlink()
        for inner in {folder / name.partition("/")[0] for name in names if "/" in name}:
            inner.rmdir()


def _contents_at(files: NamedFiles) -> RunContents | None:
    try:
        return RunContents.unpacked(files.read(RUN_FILE))
    except FileNotFoundError:
        return None


def _of_any_run() -> tuple[str, ...]:
    """Files that say nothing of what is done."""
    return (RUN_FILE, *(name for form in _FORMS.values() for name in form.of_any_run()))


def _is_ours(name: str) -> bool:
    folder = name.partition("/")[0]
    return (
        name in _OURS
        or folder in (UNITS_FOLDER, SAMPLES_FOLDER, _EMBEDDINGS_FOLDER)
        or any(form.is_of_a_run(name) for form in _FORMS.values())
    )


def _differences(found: RunContents | None, wanted: RunContents) -> str:
    """What two runs differ in, for a message."""
    if found is None:
        return ""
    both = [{**each.description, "layout": each.layout, "dtype": each.dtype} for each in (found, wanted)]
    texts = [{name: json.dumps(value, sort_keys=True, default=str) for name, value in each.items()} for each in both]
    names = [name for name in {**texts[0], **texts[1]} if texts[0].get(name) != texts[1].get(name)]
    return f" (it differs in: {', '.join(names)})" if names else ""
