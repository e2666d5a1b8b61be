"""Records survive the trip through Parquet, and a foreign table is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genprm.records import (
    Prediction,
    Problem,
    Provenance,
    Rationale,
    Solution,
    StepVerification,
    Verification,
    VoteReading,
)
from genprm.tables import TableError, read_rows, schema_of, to_table, write_rows


def nested_row() -> Rationale:
    step = StepVerification("turn", "why", "print(1)", "1", 0.25, "No", False, ["ok", "error"], 9)
    path = Verification("v", 0, "full", [step, step], 40, 18, Provenance("vllm", "0.32.0", "raw"), ["No", "Yes"])
    return Rationale("s-1", "What is 1 + 1?", ["Step 1: a", "Step 2: b"], 1, path)


def test_nested_rows_come_back_equal(tmp_path: Path) -> None:
    write_rows(Rationale, [nested_row()], tmp_path / "deep" / "rows.parquet")
    assert read_rows(Rationale, tmp_path / "deep" / "rows.parquet") == [nested_row()]


def test_a_record_that_may_be_absent_comes_back_as_a_record(tmp_path: Path) -> None:
    reading = VoteReading([Provenance("vllm", "0.32.0", "raw")], ["No", "Yes"], 1)
    told, silent = (
        Prediction("c", "s", "g", "p", ["a"], True, -1, -1, [1.0], [[1.0]], 1, 2, 0, r) for r in (reading, None)
    )
    write_rows(Prediction, [told, silent], tmp_path / "rows.parquet")
    assert read_rows(Prediction, tmp_path / "rows.parquet") == [told, silent]


def test_an_empty_table_keeps_its_schema(tmp_path: Path) -> None:
    write_rows(Solution, [], tmp_path / "none.parquet")
    assert pq.read_schema(tmp_path / "none.parquet").remove_metadata() == schema_of(Solution)
    assert read_rows(Solution, tmp_path / "none.parquet") == []


def test_steps_are_a_list_column_and_an_optional_field_is_its_own_type() -> None:
    schema = schema_of(Solution)
    assert schema.field("steps").type == pa.list_(pa.string())
    assert schema.field("final_answer").type == pa.string()


def test_a_table_of_another_record_is_refused(tmp_path: Path) -> None:
    write_rows(Rationale, [nested_row()], tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="not a table of Problem"):
        read_rows(Problem, tmp_path / "rows.parquet")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_rows(Problem, [Problem("1", "q", "2", "test")], path)
    with pytest.raises((pa.ArrowTypeError, pa.ArrowInvalid)):
        write_rows(Problem, [Problem("1", ["not", "text"], "2", "test")], path)  # type: ignore[arg-type]
    assert read_rows(Problem, path) == [Problem("1", "q", "2", "test")]


def test_tables_are_equal_whenever_the_rows_are() -> None:
    assert to_table(Rationale, [nested_row()]).equals(to_table(Rationale, [nested_row()]))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut off": _cut,
    "a flipped byte": _flip,
    "empty": lambda path: path.write_bytes(b""),
    "a web page": lambda path: path.write_text("<html>not found</html>"),
    "other columns": lambda path: pq.write_table(pa.table({"id": ["a"], "problem": [1]}), path),
    "a field without a value": lambda path: pq.write_table(
        pa.Table.from_pylist([{"id": None}], schema=schema_of(Problem)), path
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_on_disk_is_one_line_that_names_the_file(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "problems.parquet"
    write_rows(Problem, [Problem("a", "1 + 1?", "2", "test")], path)
    DAMAGE[damage](path)
    with pytest.raises(TableError) as error:
        read_rows(Problem, path)
    assert repr(str(path)) in str(error.value)
    assert "\n" not in str(error.value)
