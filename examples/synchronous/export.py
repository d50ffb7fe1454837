# Derived from examples/asynchronous/export.py by `make sync`; change that file instead.
"""Export everything that the service returns about a person to a zip file."""

from haut_ext import ExportIncomplete, Haut


def main() -> None:
    with Haut() as haut:
        [subject] = haut.subjects.find("customer-4711")
        try:
            manifest = haut.export_subject(subject.id, to="export.zip")
        except ExportIncomplete:
            manifest = haut.export_subject(subject.id, to="export.zip")  # continues
    print(manifest.complete, manifest)


main()
