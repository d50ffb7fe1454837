# Derived from examples/asynchronous/bulk.py by `make sync`; change that file instead.
"""Upload the photos of all rows of a manifest, or continue the upload after an interruption."""

from haut_ext import Haut
from haut_ext.bulk import bulk_upload

JOURNAL = "upload.journal"


def main() -> None:
    with Haut() as haut:
        report = bulk_upload(haut, "manifest.csv", journal=JOURNAL)
    print(report)


main()
