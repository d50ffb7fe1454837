# Derived from examples/asynchronous/erase.py by `make sync`; change that file instead.
"""Erase a person, continue the erasure once if it stops, and print the receipt."""

from haut_ext import ErasureIncomplete, Haut


def main() -> None:
    with Haut() as haut:
        # All subjects with this name; here, there is one.
        [subject] = haut.subjects.find("customer-4712")
        try:
            receipt = haut.erase_subject(subject.id)
        except ErasureIncomplete as error:
            receipt = haut.erase_subject(subject.id, receipt=error.receipt)
    print(receipt.verified, receipt.to_json())


main()
