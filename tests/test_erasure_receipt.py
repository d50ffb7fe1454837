"""Tests of the page of a receipt, and that no sequence of steps hides a finding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from haut_ext import ErasedBatch, ErasureReceipt, ErasureStep
from haut_ext.erasure_receipt import ErasureStepName, ErasureStepStatus

ID = UUID(int=2**127)
NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
NAMES: tuple[ErasureStepName, ...] = get_args(ErasureStepName)
STATUSES: tuple[ErasureStepStatus, ...] = get_args(ErasureStepStatus)
ERASING = [name for name in NAMES if not name.endswith("check") and name != "verification"]
UNANSWERED: tuple[ErasureStepStatus, ...] = ("refused", "unknown")
CHECKS = [name for name in NAMES if name.endswith("check")]
VERIFICATION: list[ErasureStepName] = ["verification", *CHECKS]


def receipt_with(*steps: ErasureStep, keep_subject: bool = False) -> ErasureReceipt:
    return ErasureReceipt(
        *("https://saas.haut.ai", False, "haut-ext 0.1.0", "DSAR-2026-17", ID, ID, ID),
        keep_subject,
        (ErasedBatch(ID, (ID,)),),
        steps,
    )


def verified_by_definition(receipt: ErasureReceipt) -> bool:
    """Return what docs/erasure-receipt.md defines, in the words of that page."""
    steps = receipt.steps
    if ("observation", "done") not in [(step.name, step.status) for step in steps]:
        return False
    own = "metadata check" if receipt.keep_subject else "subject check"
    for check in (own, "images check", "batches check", "results check"):
        harmless = ["subject"] if check == "results check" else []
        last = max(
            (n for n, it in enumerate(steps) if it.name in ERASING and it.name not in harmless)
        )
        answers = [
            (n, it.status)
            for n, it in enumerate(steps)
            if it.name == check and it.status in ("done", "found")
        ]
        if not answers or answers[-1][1] == "found" or answers[-1][0] < last:
            return False
    return True


steps = st.builds(
    ErasureStep,
    st.sampled_from(NAMES),
    st.sampled_from(STATUSES),
    st.just(NOW),
    st.none() | st.integers(0, 999),
    st.none() | st.just("Forbidden 403 permission_denied"),
)
erasure = [ErasureStep(name, "done", NOW) for name in (*ERASING, *CHECKS)]


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=12), st.booleans(), st.booleans(), st.integers(20, 90))
def test_no_sequence_of_steps_hides_a_finding(
    later: list[ErasureStep], erased: bool, keep_subject: bool, width: int
) -> None:
    before = receipt_with(*(erasure if erased else []), keep_subject=keep_subject)
    receipt = evolve(before, steps=(*before.steps, *later))
    assert receipt.verified == verified_by_definition(receipt)
    assert receipt.continues(before)
    assert ErasureReceipt.from_json(receipt.to_json()) == receipt
    for status in UNANSWERED:
        failed = [ErasureStep(name, status, NOW) for name in VERIFICATION]
        unanswered = evolve(receipt, steps=(*receipt.steps, *failed))
        assert unanswered.findings == receipt.findings
        assert unanswered.unchecked == receipt.unchecked
        assert unanswered.verified == receipt.verified
        assert "every check was made" not in unanswered.conclusion or (
            "no answer about" in unanswered.conclusion
        )
    text = receipt.to_text(width)
    assert ("yes, every check" in " ".join(text.split())) == receipt.verified
    assert ("FOUND" in text) or not receipt.findings
    assert all(len(line) <= max(width, 42) for line in text.split("\n"))


def test_conclusion_is_true_of_the_last_results_and_of_those_before() -> None:
    def steps(*names: str, status: ErasureStepStatus = "done") -> tuple[ErasureStep, ...]:
        return tuple(ErasureStep(name, status, NOW) for name in NAMES if name in names)

    erased, checks = steps(*ERASING), steps(*CHECKS)
    verification = steps("verification")
    found, no_answer = steps("images check", status="found"), steps(*CHECKS, status="unknown")
    never_found = "yes, every check was made after the erasure, and found no data"
    for sequence, conclusion in {
        (*erased, *checks): never_found,
        (*erased, *checks, *verification, *no_answer, *erased, *checks): never_found,
        (*erased, *checks, *verification, *no_answer, *verification, *checks): never_found,
    }.items():
        assert receipt_with(*sequence).conclusion == conclusion
    for repeated in (erased, verification):
        text = receipt_with(*erased, *checks, *found, *repeated, *checks).conclusion
        assert "every check was made after the erasure, and the last result of each is" in text
        assert text.endswith("Earlier, the service still had data: photos")
    text = receipt_with(*erased, *checks, *found).conclusion
    assert text == "no, the service still has data: photos"
    text = receipt_with(*erased, *checks, *found, *erased).conclusion
    assert text.startswith(
        "no, data was found before the last step that erases: photos; not checked"
    )
    unanswered = receipt_with(*erased, *checks, *verification, *no_answer).conclusion
    assert unanswered.startswith(f"{never_found}, but the last verification got no answer about")


def test_count_of_the_last_attempt_is_not_shown_as_a_total() -> None:
    attempts = [ErasureStep("images", "done", NOW, count) for count in (5, 1)]
    assert "deleted (1); last of 2 attempts" in receipt_with(*attempts).to_text()


def test_page_of_the_largest_case_fits_one_sheet() -> None:
    """Each step failed in several attempts, and there are many verifications, all with findings."""
    reason = "Forbidden 403 " + "permission_denied " * 9
    attempts = [
        ErasureStep(name, status, NOW, 12345, reason)
        for status in UNANSWERED
        for name in NAMES
        if name not in ("metadata check", "verification")
    ]
    results: tuple[tuple[ErasureStepName, ErasureStepStatus], ...] = (
        ("verification", "done"),
        ("subject check", "found"),
        ("images check", "refused"),
        ("batches check", "found"),
    )
    verifications = [
        ErasureStep(name, status, NOW + timedelta(days=day), 3, reason)
        for day in range(30)
        for name, status in results
    ]
    receipt = receipt_with(*attempts, *verifications)
    lines = str(receipt).split("\n")
    assert len(lines) <= 60, "one sheet of paper"
    assert max(map(len, lines)) <= 80
    assert "25 verifications, of which 25 found data" in str(receipt)
    usual = receipt_with(*erasure, *verifications[:1], *erasure[-4:])
    assert len(str(usual).split("\n")) <= 50


@pytest.mark.parametrize("reference", [" ", "x" * 200, "a b " * 50, "契約 17"])
def test_any_reference_is_printed(reference: str) -> None:
    receipt = evolve(receipt_with(*erasure), reference=reference)
    for width in (20, 45, 80):
        assert "".join(reference.split()) in "".join(receipt.to_text(width).split())


def test_receipts_of_the_first_format_are_read() -> None:
    """A receipt that was not verified again has the same format as before."""
    text = receipt_with(*erasure).to_json()
    assert '"format": "haut-erasure-receipt/1"' in text
    assert "verification" not in text
    assert ErasureReceipt.from_json(text).verified
