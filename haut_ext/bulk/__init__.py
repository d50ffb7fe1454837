"""Uploads or erases many subjects, or reads their results, in a run that can be continued.

    manifest        reads rows from a CSV file, a JSON Lines file, a folder or an iterable
    journal         SQLite file that records the progress and the problems of every row
    report          counts the rows of a run by outcome; defines the error that stops a run
    rate_limiter    limits concurrent rows and requests per second; slows down if requests are rejected
    runner          processes rows in threads, retries failed rows and lists rows with a problem
    upload          uploads the photos of a row, optionally in the workers of an executor
    subject_list    reads a list of subjects, each of them an id or a name
    erasure_plan    looks up the subjects of a list, and plans which of them are erased
    erase           erases a subject and writes its receipt
    results         reads the results of a subject, and writes one table of all results
    result_tables   writes a table as Parquet, CSV or JSON Lines

The process that opened the journal makes every request that changes data or costs money, and
updates the journal before and after the request. The workers of an executor only send photos, which
can safely be sent again.
"""

from haut_ext.bulk.erase import bulk_erase
from haut_ext.bulk.erasure_plan import ErasurePlan, PlannedErasure, plan_erasure
from haut_ext.bulk.manifest import read_manifest
from haut_ext.bulk.report import BulkProgress, BulkReport, BulkStopped
from haut_ext.bulk.results import bulk_results
from haut_ext.bulk.upload import bulk_upload

__all__ = [
    "BulkProgress",
    "BulkReport",
    "BulkStopped",
    "ErasurePlan",
    "PlannedErasure",
    "bulk_erase",
    "bulk_results",
    "bulk_upload",
    "plan_erasure",
    "read_manifest",
]
