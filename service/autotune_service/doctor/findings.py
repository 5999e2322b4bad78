"""What the doctor finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: What kind of thing it is, in one word for programs; it does not change between versions.
        problem: What is wrong and why that matters, as a sentence.
        remedy: What to do, as a sentence.
    """

    kind: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.problem}\n    {self.remedy}"
