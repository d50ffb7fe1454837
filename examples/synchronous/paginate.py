# Derived from examples/asynchronous/paginate.py by `make sync`; change that file instead.
"""Print all subjects whose name contains "customer", and the number of subjects on the first page."""

from haut_ext import Haut


def main() -> None:
    with Haut() as haut:
        for subject in haut.subjects.iterate("customer"):
            print(subject.id, subject.creation_time)
        page = haut.subjects.list(page=1, page_size=50)
        print(len(page.items), "of", page.total)


main()
