"""Join datasets of `variantformer predict -o FOLDER/` into one table, so that memory does not grow with the people."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from variantformer_hf.errors import InputError
from variantformer_hf.files import whole_file


def join(parts: Sequence[Path], output: Path) -> int:
    """Write the rows of all parts, in their order; how many.

    Raises:
        InputError: a part has other columns or tissues than the first, does not have each of its people in each of its
            genes, or has a person's gene that an earlier one has.
    """
    columns = _opened(parts[0]).schema.remove_metadata()
    tissues: frozenset[str] | None = None
    # Which genes are there already of each group of people; a group is in one place.
    groups: dict[frozenset[str], set[str]] = {}
    rows = 0
    with whole_file(output) as partial, pq.ParquetWriter(partial, columns) as writer:
        for path in parts:
            part = _opened(path)
            if part.schema.remove_metadata() != columns:
                raise InputError(
                    f"has other columns than {parts[0]}", file=path, remedy="Make both with the same version."
                )
            people, genes, of_part = (_values(part, name) for name in ("sample", "gene_id", "tissue"))
            if tissues is not None and of_part != tissues:
                raise InputError(f"has other tissues than {parts[0]}", file=path, remedy="Make the part anew.")
            tissues = of_part
            count = part.count_rows()
            if count != len(people) * len(genes) * len(tissues):
                raise InputError(
                    f"has {count:,} rows, not one for each of {len(people):,} people, {len(genes):,} genes and "
                    f"{len(tissues):,} tissues",
                    file=path,
                    remedy="Make the part anew.",
                )
            _claim(groups, people, genes, path)
            # A file of a part at a time, each of which is small.
            for fragment in part.get_fragments():
                writer.write_table(fragment.to_table(schema=part.schema).cast(columns))
            rows += count
    return rows


def _opened(path: Path) -> ds.Dataset:
    try:
        return ds.dataset(path, format="parquet")
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"is no part of a result ({error})", file=path, remedy="Make the part anew.") from None


def _values(part: ds.Dataset, column: str) -> frozenset[str]:
    found: set[str] = set()
    for batch in part.to_batches(columns=[column]):
        found.update(pc.unique(batch.column(0)).cast(pa.string()).to_pylist())
    return frozenset(found)


def _claim(groups: dict[frozenset[str], set[str]], people: frozenset[str], genes: frozenset[str], path: Path) -> None:
    for others, theirs in groups.items():
        both = sorted(people & others)
        twice = sorted(genes & theirs) if both else []
        if twice:
            raise InputError(
                "has a person's gene that an earlier part has",
                file=path,
                record=f"{both[0]}, {twice[0]}",
                remedy="Name each part once.",
            )
    groups.setdefault(people, set()).update(genes)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", type=Path, help="folders")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file")
    arguments = parser.parse_args()
    try:
        rows = join(arguments.parts, arguments.output)
    except InputError as error:
        parser.exit(1, f"{error}\n")
    parser.exit(0, f"{rows:,} rows of {len(arguments.parts):,} parts\n")


if __name__ == "__main__":
    main()
