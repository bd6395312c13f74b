"""Appending people to a cohort that has a store, and everybody who is then found by the cohort's name."""

from ..addresses import as_given
from ..errors import AssemblyError, InputError
from ..remote.mirror import MirroredFile
from .appended_people import Appended, append, appended_to, check_apart, check_found_apart
from .cohort_files import Genotypes, GivenGenotypes
from .store_layout import default_store
from .variant_files import contig_key, genotype_source, open_files, paths_of

_REMEDY = "Append other people only, or rename them (bcftools reheader -s)."


def people_in(given: GivenGenotypes) -> tuple[str, ...]:
    """Everybody who can be read by the name of a file, or of several: its own samples, and those who were appended.

    Raises:
        InputError: a file cannot be read, or a list of who was appended.
        SampleError: somebody is in both.
    """
    source = genotype_source(given)
    file = open_files(source)
    file.close()
    people = dict.fromkeys(file.samples)
    path = paths_of(source)[0]
    for each in appended_to(path):
        check_found_apart(path, source, people, each)
        people.update(dict.fromkeys(each.samples))
    return tuple(people)


def check_can_append(to: Genotypes, source: Genotypes) -> None:
    """Refuse to append the people of some files to others.

    Raises:
        InputError: the others have no store; a file is read by an address with secrets.
        SampleError: somebody is in both.
        AssemblyError: they are of another assembly.
    """
    for path in paths_of(source):
        if isinstance(path, MirroredFile) and path.is_signed:
            raise InputError(
                "has more in its address than may be kept (a query, a user or a password), so that it could not be "
                "read again by the cohort's name",
                file=path,
                remedy="Download it, or append it by an address that is whole without: s3://, gs:// or a public one.",
            )
    for path in paths_of(to):
        if not default_store(path).is_dir():
            raise InputError(
                "has no store, to which others could be appended",
                file=path,
                remedy=f"variantformer ingest {as_given(path)}",
            )
    old, new = open_files(to), open_files(source)
    old.close()
    new.close()
    check_apart(to, old.samples, source, new.samples, _REMEDY)
    for each in appended_to(paths_of(to)[0]):
        if each.paths != _names_of(source):
            check_apart(each.paths[0], each.samples, source, new.samples, _REMEDY)
    lengths = {contig_key(name): (name, length) for name, length in old.contigs.items() if length is not None}
    for name, length in new.contigs.items():
        known, other = lengths.get(contig_key(name), (name, length))
        if None not in (length, other) and length != other:
            raise AssemblyError(
                f"its header gives {name} {length} bases, that of {as_given(to)} gives {known} {other}",
                file=source,
                remedy="Append people of the same assembly, or lift them over.",
            )


def append_people(to: Genotypes, source: Genotypes) -> None:
    """Have the people of some files found by the name of others, too; see :func:`check_can_append`.

    Args:
        to: files with stores.
        source: files of other people; they stay where they are, and their people are read from their stores.
    """
    check_can_append(to, source)
    file = open_files(source)
    file.close()
    for path in paths_of(to):
        append(path, Appended(_names_of(source), file.samples))


def _names_of(source: Genotypes) -> tuple[str, ...]:
    """By which the files are found from anywhere."""
    return tuple(as_given(path) if hasattr(path, "address") else str(path.resolve()) for path in paths_of(source))
