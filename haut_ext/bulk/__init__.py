"""Uploads and erasures of many subjects that can be interrupted and continued.

    manifest        reads rows from a CSV file, a JSON Lines file, a folder or any iterable
    journal         SQLite file that records the progress and the problems of every row
    report          counts of a run by outcome, and the error that stops a run
    rate_limiter    limits concurrent rows and requests per second, and slows down on rejections
    runner          processes rows in threads, retries them and lists those with a problem
    upload          uploads the photos of a row; an executor's workers can send the photos
    erase           erases a subject and writes its receipt

The process that has opened the journal makes every request that changes or costs something, and
updates the journal before and after it. Workers of an executor send photos only, which can be
repeated safely.
"""

from haut_ext.bulk.erase import bulk_erase
from haut_ext.bulk.manifest import read_manifest
from haut_ext.bulk.report import BulkProgress, BulkReport, BulkStopped
from haut_ext.bulk.upload import bulk_upload

__all__ = [
    "BulkProgress",
    "BulkReport",
    "BulkStopped",
    "bulk_erase",
    "bulk_upload",
    "read_manifest",
]
