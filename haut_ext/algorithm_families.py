"""Table of the algorithm families of API v1 and the skin parameters of API v3.

The client, the sandbox and docs/results.md use this table. It contains what is known from the
documentation, from real results and from public client programs (docs/api-facts.md, sections 6,
8.1, 9 and 19). Every entry states its evidence:

- observed: seen in real results
- documented: stated in the service's documentation
- inferred: deduced, for example from the code of a public client program

The service can return families, areas and metrics that this table does not contain.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, cast

from attrs import frozen

from haut_ext.errors import ConfigError

Evidence = Literal["observed", "documented", "inferred"]
Era = Literal["2022", "2025"]
"""Format of v1 results: the year in which a real response of this format was seen."""
Subject = Literal["skin", "photo", "face"]
"""What a family examines: the skin, the quality of the photo, or the position of the face."""
MaskKind = Literal["heatmap_mask", "polygon_mask", "polyline_mask", "point_mask"]

PREFIX = "selfie_v2."
"""Prefix of the family names in Face Metrics 2.0."""

SCORE_BANDS: tuple[tuple[int, str], ...] = (
    (90, "Excellent"),
    (80, "Great"),
    (70, "Good"),
    (50, "Average"),
    (30, "Poor"),
    (0, "Bad"),
)
"""Bands of v1 scores from 0 to 100: a score above the number is in the band; 0 is Bad. Documented."""

PARAMETER_BANDS: tuple[tuple[int, int, str], ...] = (
    (90, 1, "Great"),
    (80, 2, "Good"),
    (50, 3, "Average"),
    (30, 4, "Poor"),
    (0, 5, "Poor"),
)
"""Bands of v3 scores: a score of at least the number has the grade and the tag. Inferred."""


@frozen
class KnownMetric:
    """A metric of an algorithm family.

    Attributes:
        tech_name: Technical name, as in the service's JSON.
        widget_type: How the service's own user interface displays the value. Only `category` means
            a text value. `bad_good_line` does not imply that the value is between 0 and 100.
        values: Categories, if the value is a text. Otherwise, the smallest and the largest value
            that the sandbox generates.
        unit: Unit of the value. The service itself returns no units.
        evidence: Evidence for the technical name and the type of the value.
    """

    tech_name: str
    widget_type: Literal["bad_good_line", "numeric", "category", "density", "ITA"]
    values: tuple[int, int] | tuple[str, ...]
    unit: str | None = None
    evidence: Evidence = "inferred"

    @property
    def is_score(self) -> bool:
        """Whether the value is a score from 0 to 100, so that `SCORE_BANDS` apply."""
        return self.widget_type == "bad_good_line" and self.values == (0, 100)


@frozen
class KnownAreas:
    """Areas of the face for which a family computes the same metrics.

    Attributes:
        areas: Names of the areas, as in `area_name`.
        main: Main metric of each area.
        sub_metrics: Sub-metrics of each area. None if the service returns null, and empty if it
            returns an empty list.
        eras: Formats in which the areas occur. Empty if they were not seen in real results.
        evidence: Evidence for the names of the areas.
    """

    areas: tuple[str, ...]
    main: KnownMetric
    sub_metrics: tuple[KnownMetric, ...] | None = None
    eras: tuple[Era, ...] = ("2022", "2025")
    evidence: Evidence = "inferred"


@frozen
class KnownMask:
    """A pair of masks of a family: on the aligned face, and on the uploaded photo.

    Attributes:
        kind: Kind of the mask.
        restored: Technical name in `masks_restored`, for the aligned face. None if only the
            uploaded photo has this mask.
        original: Technical name in `masks_original`, for the uploaded photo.
        evidence: Evidence for the two names.
    """

    kind: MaskKind
    restored: str | None
    original: str
    evidence: Evidence = "inferred"


@frozen
class AlgorithmFamily:
    """An algorithm family of Face Metrics 2.0 (API v1).

    Attributes:
        name: Name of the family, as in `algorithm_family_tech_name`.
        algorithm: Name of the algorithm, as in `result.algorithm_tech_name`. It cannot be derived
            from the name of the family. None if the result does not contain it.
        examines: What the family examines. Only families that examine the skin measure it.
        areas: Areas and metrics. Empty if the family has only masks.
        masks: Masks.
        eras: Formats in which the family has results. For some families, one of them is inferred.
        evidence: Evidence for the name of the family.
        version_id: `algorithm_version_id`, the same in 2022 and 2025, if known.
        note: Remark for readers of the documentation.
    """

    name: str
    algorithm: str | None
    examines: Subject = "skin"
    areas: tuple[KnownAreas, ...] = ()
    masks: tuple[KnownMask, ...] = ()
    eras: tuple[Era, ...] = ("2022", "2025")
    evidence: Evidence = "observed"
    version_id: int | None = None
    note: str = ""

    @property
    def short_name(self) -> str:
        """Name of the family without its prefix."""
        return self.name.removeprefix(PREFIX)

    @property
    def metrics(self) -> tuple[KnownMetric, ...]:
        """Main metrics and sub-metrics, each once."""
        found = [
            metric for group in self.areas for metric in (group.main, *(group.sub_metrics or ()))
        ]
        return tuple(dict.fromkeys(found))


@frozen
class KnownParameter:
    """A skin parameter of Face Metrics 3.0 (API v3).

    Which fields a parameter has is inferred; the names of parameters, fields and areas are those
    that a public client program reads.

    Attributes:
        name: Name, as in `parameters`.
        fields: Names of the fields, such as `score`.
        areas: Keys of `areas`.
        area_fields: Names of the fields of each area.
        unit: Unit of the field `density`, `age` or `eyes_age`.
    """

    name: str
    fields: tuple[str, ...] = ("score", "tag", "grade")
    areas: tuple[str, ...] = ()
    area_fields: tuple[str, ...] = ()
    unit: str | None = None


def _score(tech_name: str, evidence: Evidence = "inferred") -> KnownMetric:
    return KnownMetric(tech_name, "bad_good_line", (0, 100), evidence=evidence)


def _age(tech_name: str) -> KnownMetric:
    return KnownMetric(tech_name, "numeric", (18, 70), "years", "observed")


_SPOTS = (
    KnownMetric("number_of_regions", "numeric", (0, 40), evidence="observed"),
    KnownMetric("density_score", "density", (0, 200), evidence="observed"),
    KnownMetric("average_intensity_score", "bad_good_line", (0, 100), evidence="observed"),
)
_QUALITY = (
    _score("full_face_score", "documented"),
    _score("rotation_score", "documented"),
    KnownMetric("angles_yaw_angle_degree", "numeric", (-45, 45), "°", "documented"),
    KnownMetric("raw_sharpness", "bad_good_line", (0, 600), evidence="observed"),
)
_FACE_PARTS = (
    "forehead",
    "nose",
    "right_cheek",
    "left_cheek",
    "right_eye_area",
    "left_eye_area",
    "chin",
)
_ZONES = ("Dry", "Normal", "Oily")

FAMILIES: tuple[AlgorithmFamily, ...] = (
    AlgorithmFamily(
        "selfie_v2.quality",
        "quality",
        examines="photo",
        areas=(
            KnownAreas(
                ("face",),
                _score("image_quality_score", "documented"),
                _QUALITY,
                evidence="observed",
            ),
        ),
        version_id=43,
        note="Has `feedback` and, in 2025, `problems`. In 2022, its submetrics are an object of "
        "numbers. Real results of 2025 have 29 submetrics.",
    ),
    AlgorithmFamily(
        "selfie_v2.acne",
        "acne",
        areas=(
            KnownAreas(
                ("nose", "right_cheek", "left_cheek", "forehead", "chin"),
                _score("acne_score"),
                _SPOTS,
                eras=("2022",),
                evidence="observed",
            ),
            KnownAreas(
                (
                    "nose_bridge",
                    "right_cheek_large",
                    "left_cheek_large",
                    "forehead_n_bridge",
                    "chin_wide",
                ),
                _score("acne_score"),
                _SPOTS,
                eras=("2025",),
                evidence="documented",
            ),
        ),
        masks=(KnownMask("heatmap_mask", "acne_mask", "acne_mask_origin", "observed"),),
        note="The algorithm's name was also seen as `Acne`.",
    ),
    AlgorithmFamily(
        "selfie_v2.pigmentation",
        "pigmentation",
        areas=(KnownAreas(("face",), _score("pigmentation_score"), _SPOTS),),
        masks=(KnownMask("heatmap_mask", "pigmentation_mask", "pigmentation_mask_original"),),
    ),
    AlgorithmFamily(
        "selfie_v2.redness",
        "redness",
        areas=(KnownAreas(("face",), _score("redness_score")),),
        masks=(KnownMask("polygon_mask", "redness_mask", "redness_mask_original"),),
        version_id=30,
    ),
    AlgorithmFamily(
        "selfie_v2.uniformness",
        "uniformness",
        areas=(
            KnownAreas(("forehead_n_bridge",), _score("uniformness_score"), evidence="observed"),
            KnownAreas(("forehead",), _score("uniformness_score"), eras=(), evidence="documented"),
        ),
        masks=(
            KnownMask(
                "heatmap_mask",
                "uniformness_mask_restored",
                "uniformness_mask_original",
                "observed",
            ),
        ),
    ),
    AlgorithmFamily(
        "selfie_v2.pores",
        "pores",
        areas=(KnownAreas(("face",), _score("Pores_score", "observed")),),
        masks=(KnownMask("point_mask", "pores_mask", "pores_mask_original", "observed"),),
        version_id=35,
        note="The metric begins with a capital letter.",
    ),
    AlgorithmFamily(
        "selfie_v2.lines",
        "lines",
        areas=(
            KnownAreas(("forehead",), _score("lines_score"), sub_metrics=(), evidence="inferred"),
            KnownAreas(
                ("right_eye_corner", "left_eye_corner"),
                _score("lines_score"),
                sub_metrics=(),
                evidence="observed",
            ),
            KnownAreas(
                ("right_eye_area", "left_eye_area"),
                _score("lines_score"),
                eras=(),
                evidence="documented",
            ),
            KnownAreas(
                ("face",),
                _score("lines_score"),
                (_score("sagging_score", "documented"), _score("jowls_score")),
                eras=(),
                evidence="documented",
            ),
        ),
        masks=(KnownMask("polyline_mask", "lines_mask", "lines_mask_original"),),
        note="Includes sagging and jowls, according to the documentation.",
    ),
    AlgorithmFamily(
        "selfie_v2.wrinkles",
        "wrinkles",
        areas=(KnownAreas(("face",), _score("wrinkles_score"), eras=("2022",)),),
        masks=(KnownMask("polyline_mask", "wrinkles_mask", "wrinkles_mask_original"),),
        eras=("2022",),
        note="Deprecated: use `lines`.",
    ),
    AlgorithmFamily(
        "selfie_v2.sagging",
        "sagging",
        areas=(KnownAreas(("face",), _score("sagging_score", "documented"), eras=()),),
        eras=(),
        evidence="documented",
        note="Deprecated: part of `lines`. The documentation contradicts itself on whether a "
        "higher score means more or less sagging.",
    ),
    AlgorithmFamily(
        "selfie_v2.eye_bags",
        "eye_bags",
        areas=(
            KnownAreas(
                ("right_eye_area", "left_eye_area"),
                _score("eye_area_condition", "observed"),
                evidence="observed",
            ),
        ),
        masks=(
            KnownMask("polygon_mask", "eye_bags_mask", "eye_bags_original", "observed"),
            KnownMask(
                "polygon_mask", "dark_circles_mask", "dark_circles_original_mask", "observed"
            ),
        ),
        note="Has no area `face`. That the masks of dark circles belong to it is inferred.",
    ),
    AlgorithmFamily(
        "selfie_v2.translucency",
        "translucency",
        areas=(KnownAreas(("face",), _score("translucency_score"), eras=()),),
        eras=(),
        evidence="documented",
    ),
    AlgorithmFamily(
        "selfie_v2.hydration",
        "Hydration",
        areas=(
            KnownAreas(
                ("face",),
                KnownMetric(
                    "hydration",
                    "category",
                    ("Low Hydration", "Normal Hydration", "High Hydration"),
                ),
            ),
        ),
        note="The algorithm's name begins with a capital letter (2022).",
    ),
    AlgorithmFamily(
        "selfie_v2.skin_type",
        "skin_type",
        areas=(
            KnownAreas(
                ("face",),
                KnownMetric("face_skin_type_class", "category", _ZONES, evidence="observed"),
                (
                    KnownMetric("u_zone_class", "category", _ZONES),
                    KnownMetric("t_zone_class", "category", _ZONES),
                ),
            ),
        ),
        note="The submetrics begin with `u_zone_` and `t_zone_` (observed).",
    ),
    AlgorithmFamily(
        "selfie_v2.skin_tone",
        "skin_tone",
        areas=(
            KnownAreas(
                ("face",), KnownMetric("ita_score", "ITA", (-30, 60), "°", evidence="observed")
            ),
        ),
        note="The individual typology angle, which can be negative.",
    ),
    AlgorithmFamily(
        "selfie_v2.skintone-classification",
        "skintone_classification",
        areas=(
            KnownAreas(
                ("face",),
                KnownMetric(
                    "skintone_class", "category", ("Light", "Medium", "Dark"), evidence="observed"
                ),
            ),
        ),
        note="The family's name has a hyphen, the algorithm's name an underscore.",
    ),
    AlgorithmFamily(
        "selfie_v2.age",
        "age",
        areas=(KnownAreas(("face",), _age("perceived_age"), evidence="observed"),),
    ),
    AlgorithmFamily(
        "selfie_v2.eyes_age",
        "eyes_age",
        areas=(
            KnownAreas(("face",), _age("eye_age")),
            KnownAreas(("left_eye_area",), _age("left_eye_age")),
            KnownAreas(("right_eye_area",), _age("right_eye_age")),
        ),
    ),
    AlgorithmFamily(
        "selfie_v2.front_face_areas",
        "front_face_areas",
        examines="face",
        masks=(
            *(
                KnownMask("polygon_mask", f"{part}_mask", f"{part}_mask_original")
                for part in _FACE_PARTS
            ),
            KnownMask("polygon_mask", None, "forehead_n_bridge_mask_original"),
            KnownMask("polygon_mask", None, "nose_bridge_mask_original"),
        ),
        note="Outlines of the areas: 7 on the aligned face, 9 on the photo. Their number is "
        "observed, their names are inferred.",
    ),
    AlgorithmFamily(
        "selfie_v2.facial_landmarks",
        "facial_landmarks",
        examines="face",
        masks=(KnownMask("point_mask", "landmarks_mask", "landmarks_mask_origin"),),
        note="One mask of points with radius 0.",
    ),
    AlgorithmFamily(
        "selfie_v2.face_detector",
        None,
        examines="face",
        eras=(),
        note="Was seen only for a photo without a face, where it succeeds and all others fail.",
    ),
)
"""Families of API v1. The evidence for values other than names is that of the metric."""

_FINE = ("score", "tag", "grade", "amount")
_EYES_AND_MOUTH = ("left_eye", "right_eye", "perioral")

PARAMETERS: tuple[KnownParameter, ...] = (
    *(
        KnownParameter(name, areas=_EYES_AND_MOUTH, area_fields=("amount", "length"))
        for name in ("lines", "deep_lines", "fine_lines")
    ),
    KnownParameter("pores"),
    KnownParameter("enlarged_pores", _FINE),
    KnownParameter("redness"),
    KnownParameter("irritation"),
    KnownParameter("pigmentation"),
    KnownParameter("freckles", ("density",), unit="‰"),
    KnownParameter("moles", ("amount",)),
    KnownParameter("melasma", ("density",), unit="‰"),
    KnownParameter("sun_spots", ("density",), unit="‰"),
    KnownParameter("breakouts", _FINE),
    KnownParameter("pimples", _FINE),
    KnownParameter("inflammation", _FINE),
    KnownParameter("sagging"),
    KnownParameter("jowls"),
    KnownParameter("lacrimal_grooves"),
    KnownParameter("dark_circles"),
    KnownParameter("skin_type", ("tag",)),
    KnownParameter("skintone", ("tag",)),
    KnownParameter("age", ("age",), unit="years"),
    KnownParameter("eyes_age", ("eyes_age",), unit="years"),
    KnownParameter("ita", ("score",)),
)
"""Skin parameters of API v3, which a public client program reads. Their fields are inferred."""


def family_key(name: str) -> str:
    """Return a form of a family's or algorithm's name that is the same for all of its spellings.

    `acne`, `Acne` and `selfie_v2.acne` have the same key, and so do `skintone-classification` and
    `skintone_classification`.
    """
    return name.strip().casefold().replace("-", "_").removeprefix(PREFIX)


_BY_KEY = {family_key(family.name): family for family in FAMILIES}


def find_family(name: str) -> AlgorithmFamily | None:
    """Return the known family with this name in any spelling, or None. See `family_key`."""
    return _BY_KEY.get(family_key(name))


_UNITS = {
    (family_key(family.name), metric.tech_name): metric.unit
    for family in FAMILIES
    for metric in family.metrics
    if metric.unit
} | {
    (parameter.name, name): parameter.unit
    for parameter in PARAMETERS
    for name in parameter.fields
    if parameter.unit
}


def known_unit(family: str, metric: str) -> str | None:
    """Return the unit of a metric of a family or of a v3 parameter, or None if it is unknown."""
    return _UNITS.get((family_key(family), metric))


def parse_families(names: Collection[str], argument: str) -> frozenset[str]:
    """Return the full names of families that a caller named in any spelling.

    Args:
        names: Names of families, such as `acne` or `selfie_v2.acne`. See `family_key`. The service
            may have families that the table lacks: their full names, which contain a dot, are
            returned unchanged.
        argument: Name of the argument, for the message.

    Raises:
        ConfigError: If a family is unknown, or if `names` is a single string.
    """
    known = ", ".join(family.short_name for family in FAMILIES)
    if isinstance(names, str):
        raise ConfigError(f"{argument} must be a list of algorithm families, not a string")
    found: set[str] = set()
    for name in cast("Collection[object]", names):
        text = name.strip() if isinstance(name, str) else ""
        if family := find_family(text):
            found.add(family.name)
        elif "." in text.strip("."):
            found.add(text)
        else:
            raise ConfigError(
                f"{argument}: unknown algorithm family {name!r}; known are {known}. The full name of "
                "another family must contain a dot, such as hair_v1.volume"
            )
    return frozenset(found)
