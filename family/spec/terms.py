"""What a family file says of the terms of something that is not its own."""

from pydantic import Field

from family.stage import NOT_IN_KEY, Settings


class Terms(Settings):
    """What a family file says of the terms of something that is not its own."""

    terms: str | None = Field(
        None,
        description="With `licence: other`: what it asks for, in your own words or as a link; "
        "`descent licences` shows it.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    permission: str | None = Field(
        None,
        description="Where its terms forbid to teach other models with it: who allowed it in "
        "writing, when, and where that is kept. Stands in the record and in the notes.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    credit: str | None = Field(
        None,
        description="Its copyright line, or whom its licence wants named; goes into NOTICE.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )

    def words(self, licence: str | None) -> dict[str, str]:
        """What is stated, with `licence`, by name."""
        stated = {
            "licence": licence,
            "terms": self.terms,
            "permission": self.permission,
            "credit": self.credit,
        }
        return {name: text for name, text in stated.items() if text}
