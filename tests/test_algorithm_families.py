"""Tests that the table of algorithm families contains real results, and finds names in any spelling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from haut_ext import ConfigError
from haut_ext.algorithm_families import FAMILIES, PARAMETERS, find_family, parse_families

SAMPLES = Path(__file__).parent / "data" / "results"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("acne", "selfie_v2.acne"),
        (" Selfie_V2.Acne ", "selfie_v2.acne"),
        ("skintone_classification", "selfie_v2.skintone-classification"),
        ("SELFIE_V2.SKINTONE-CLASSIFICATION", "selfie_v2.skintone-classification"),
        ("eye-bags", "selfie_v2.eye_bags"),
        ("Hydration", "selfie_v2.hydration"),
    ],
)
def test_a_family_is_found_in_any_spelling(name: str, family: str) -> None:
    assert parse_families([name, family], "wait_for=") == {family}


def test_a_full_name_that_the_table_lacks_is_accepted() -> None:
    assert parse_families(["hair_v1.volume "], "wait_for=") == {"hair_v1.volume"}


@pytest.mark.parametrize("names", ["acne", ["acne", "beard"], [None], [".acne"], ["acne."], [""]])
def test_an_unknown_family_is_an_error_that_names_the_known_ones(names: Any) -> None:
    with pytest.raises(ConfigError, match="wait_for=") as error:
        parse_families(names, "wait_for=")
    if names != "acne":
        assert all(family.short_name in str(error.value) for family in FAMILIES)


def test_names_in_the_table_are_unique() -> None:
    assert [find_family(family.name) for family in FAMILIES] == list(FAMILIES)
    assert len({parameter.name for parameter in PARAMETERS}) == len(PARAMETERS) == 24


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("era-*.json")), ids=lambda path: path.stem)
def test_the_table_contains_the_metrics_and_masks_of_real_results(path: Path) -> None:
    era = path.stem.removeprefix("era-")
    for item in json.loads(path.read_text("utf-8")):
        family = find_family(item["algorithm_family_tech_name"])
        assert family is not None
        result = item["result"]
        assert (family.name, family.algorithm) == (
            item["algorithm_family_tech_name"],
            result["algorithm_tech_name"],
        )
        assert era in family.eras
        known = {group.main.tech_name: group.main for group in family.areas}
        for area in result["area_results"] or ():
            main = known[area["main_metric"]["tech_name"]]
            assert main.widget_type == area["main_metric"]["widget_type"]
            assert isinstance(main.values[0], type(area["main_metric"]["value"]))
        kinds = {mask["mask_type"] for mask in result.get("masks_restored") or ()}
        assert kinds == {mask.kind for mask in family.masks}
