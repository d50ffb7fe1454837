"""Tables of an export: CSV files that are computed from its JSON files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from haut_ext.analysis_results import (
    BatchResults,
    read_batch_document,
    read_image_results,
)
from haut_ext.analysis_results.json_values import as_text, as_uuid
from haut_ext.analysis_results.rows import COLUMNS
from haut_ext.csv_cells import marked
from haut_ext.export_folder import ExportFolder

_ID = "[0-9a-f-]{36}"


def write_tables(folder: ExportFolder, subject_id: UUID) -> None:
    """Write `subject.csv`, `batches.csv`, `images.csv` and `results.csv`.

    Raises:
        OSError, ValueError: If a file cannot be written or read.
    """
    for table, pattern in (
        ("subject.csv", r"subject\.json"),
        ("batches.csv", rf"batches/{_ID}/batch\.json"),
        ("images.csv", rf"images/{_ID}/image\.json"),
    ):
        records = [folder.read_json(path) for path in folder.paths(pattern)]
        columns = dict.fromkeys(name for record in records for name in record)
        rows = ({name: _cell(record.get(name)) for name in columns} for record in records)
        _write_table(folder, table, columns, rows)
    _write_table(folder, "results.csv", COLUMNS, _result_rows(folder, subject_id))


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _write_table(
    folder: ExportFolder,
    path: str,
    columns: Iterable[str],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    names = list(columns)
    with folder.writing(path, "computed") as binary:
        text = io.TextIOWrapper(binary, "utf-8", "backslashreplace", newline="")
        table = csv.DictWriter(text, names)
        table.writerow(marked(dict(zip(names, names, strict=True))))
        table.writerows(map(marked, rows))
        text.detach()


def _result_rows(folder: ExportFolder, subject_id: UUID) -> Iterator[Mapping[str, Any]]:
    name = as_text(folder.read_json("subject.json").get("name"))
    for path in folder.paths(rf"images/{_ID}/results\.v1\.json"):
        image_id = UUID(path.split("/")[1])
        record = f"images/{image_id}/image.json"
        image: dict[str, Any] = folder.read_json(record) if record in folder.files else {}
        results = read_image_results(
            folder.read_json(path), image_id=image_id, side=as_text(image.get("side"))
        )
        batch_id = as_uuid(image.get("image_batch_id")) or UUID(int=0)
        found = BatchResults(subject_id, batch_id, "v1", None, results, subject_name=name)
        yield from found.to_rows()
    for path in folder.paths(rf"batches/{_ID}/results\.v3\.json"):
        document = folder.read_json(path)
        results = read_batch_document(document)
        batch_id = UUID(path.split("/")[1])
        found = BatchResults(subject_id, batch_id, "v3", None, results, subject_name=name)
        yield from found.to_rows()
