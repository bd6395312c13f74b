"""Errors that a user can act on: each names the file, the record and the remedy."""

from os import PathLike

from .addresses import as_given, is_address


class InputError(ValueError):
    """Bad input: a file, a record or an option that the user can change.

    Args:
        problem: what is wrong, one clause.
        file: the file it was found in, or files; its text is shown, of one elsewhere its address.
        record: where in the file (contig:position, 1-based as in the file; line; gene; tissue).
        remedy: what to do about it, one sentence.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        record: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else as_given(file)
        self.record = record
        self.remedy = remedy
        where = ": ".join(part for part in (self.file, record) if part)
        text = f"{where}: {problem}" if where else problem
        if remedy:
            goes_on = text.endswith("...")  # a list of names, of which the first few are said
            text = f"{text if goes_on else text.rstrip('.') + '.'} {remedy}"
        super().__init__(text)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.problem, self.file, self.record, self.remedy)


def _rebuild(
    kind: type[InputError], problem: str, file: str | None, record: str | None, remedy: str | None
) -> InputError:
    return kind(problem, file=file, record=record, remedy=remedy)


# What the system says of a file that is not there, or not to be read as one.
UNREADABLE = (FileNotFoundError, NotADirectoryError, PermissionError, IsADirectoryError)


def unreadable(path: str | PathLike[str], error: OSError, remedy: str | None = None) -> InputError:
    """The error of a file that cannot be opened: one that is not there is told from one that may not be read.

    Args:
        path: of the file.
        error: one of ``UNREADABLE``.
        remedy: where the file is not there; for the others there is one.
    """
    if isinstance(error, PermissionError):
        return InputError(
            "no permission to read it", file=path, remedy="Ask its owner, or check the rights of its folder."
        )
    if isinstance(error, IsADirectoryError):
        return InputError("is a folder, not a file", file=path, remedy="Name the file in it.")
    if is_address(str(path)):
        return InputError("is an address, and only read on this machine", file=path, remedy="Download it.")
    return InputError("no such file", file=path, remedy=remedy)


def check_number(name: str, value: float, least: float, most: float | None = None) -> None:
    """Refuse an option outside of its range.

    Args:
        name: of the option.
        value: as it was given.
        least, most: what it may be, both included; None = no upper bound.

    Raises:
        InputError: it names the option, the value and the range.
    """
    if not least <= value <= (value if most is None else most):
        wanted = f"{least} or more" if most is None else f"from {least} to {most}"
        raise InputError(f"{name} is {value}", remedy=f"It must be {wanted}.")


class OutputError(InputError):
    """An output cannot be written: no room, no permission, a disk that fails."""


class MissingIndexError(InputError):
    """An index file is missing and cannot be made."""


class ReferenceMismatchError(InputError):
    """A record's REF allele is not what the FASTA holds there."""


class ContigError(InputError):
    """Contig names or lengths of two files do not go together."""


class AssemblyError(InputError):
    """The FASTA or VCF is of an assembly that the model was not trained on."""


class SampleError(InputError):
    """The asked sample is not in the file, or none was asked for where several are."""


class SymbolicAlleleError(InputError):
    """A symbolic allele that cannot be applied, or a gVCF read without saying how."""


class CheckpointError(InputError):
    """A checkpoint that is corrupt, foreign, or does not fit its description."""
