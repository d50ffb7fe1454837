"""Many subjects: uploads and erasures of any number, that go on where they were, whatever ended them.

    manifest        rows from a CSV, JSON Lines, a folder or any iterable; nothing is held whole
    journal         one SQLite file: what is begun, how far, what is done, what is wrong
    running         threads, how many at once and how fast, what is tried again
    uploading       one row: photos, subject, upload; here or, the bytes, on an executor's workers
    erasing         one subject, with its receipt

Everything that costs or changes something is asked for by the process that holds the journal, which
is written before and after. Only bytes are sent by others, and sending those twice is harmless.
"""

from haut_ext.bulk.erase import bulk_erase
from haut_ext.bulk.manifest import read_manifest
from haut_ext.bulk.runner import BulkReport, BulkStopped
from haut_ext.bulk.upload import bulk_upload

__all__ = ["BulkReport", "BulkStopped", "bulk_erase", "bulk_upload", "read_manifest"]
