"""From the files of a registered table, as published, to the table its study file describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Files = Mapping[str, Path]
"""The published files, by name."""


def strip_column_names(files: Files) -> pa.Table:
    """Return the only file with the spaces around its column names taken off, everything as text."""
    (path,) = files.values()
    table = _query("SELECT * FROM rows_of_0", path)
    return table.rename_columns([name.strip() for name in table.column_names])


def movielens_genres(files: Files) -> pa.Table:
    """Return one row per rating and genre of the rated film: agent, item (genre), answer.

    A rating of 4 stars or more is "liked", any other "not liked". Films without a genre drop out.
    """
    return _query(
        """
        SELECT agent, item, answer
        FROM (
            SELECT userId AS agent, unnest(string_split(genres, '|')) AS item, movieId AS film,
                   CASE WHEN rating::DOUBLE >= 4 THEN 'liked' ELSE 'not liked' END AS answer
            FROM rows_of_0 JOIN rows_of_1 USING (movieId)
        )
        WHERE item <> '(no genres listed)'
        ORDER BY agent::BIGINT, film::BIGINT, item
        """,
        files["ratings.csv"],
        files["movies.csv"],
    )


def polis_last_votes(files: Files) -> pa.Table:
    """Return one row per voter with a column per statement: the last vote, null where there is none.

    People vote again on a statement; the vote with the latest time counts, among equal times the later row.
    """
    last = """
        SELECT "voter-id", "comment-id",
               arg_max(vote, ("timestamp"::BIGINT, row_number)) AS vote
        FROM (SELECT *, row_number() OVER () AS row_number FROM rows_of_0)
        GROUP BY ALL
    """
    table = _query(
        f"""
        PIVOT ({last}) ON "comment-id" USING any_value(vote) GROUP BY "voter-id"
        ORDER BY "voter-id"::BIGINT
        """,
        files["votes.csv"],
    )
    voter, *statements = table.column_names
    return table.select([voter, *sorted(statements, key=int)])


STEPS: Mapping[str, Callable[[Files], pa.Table]] = MappingProxyType(
    {
        "strip_column_names": strip_column_names,
        "movielens_genres": movielens_genres,
        "polis_last_votes": polis_last_votes,
    }
)
"""The steps that the registry may name."""


def _query(sql: str, *paths: Path) -> pa.Table:
    """Run a query over CSV files, which it sees as ``rows_of_0``, ``rows_of_1``, …, every column as text."""
    import duckdb  # noqa: PLC0415 (a fifth of a second)

    settings: dict[str, Any] = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with duckdb.connect(":memory:", config=settings) as connection:
        for number, path in enumerate(paths):
            rows = connection.read_csv(
                str(path), header=True, delimiter=",", quotechar='"', escapechar='"', all_varchar=True
            )
            rows.create_view(f"rows_of_{number}")
        return connection.sql(sql).to_arrow_table()
