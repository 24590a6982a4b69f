"""An acceptance criterion: what the spec promises, the plan keeps, and a test proves."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A Given/When/Then of a spec, under an id that later artifacts refer to."""

    id: str
    """Such as `AC-001`."""
    given: str
    when: str
    then: str

    @property
    def text(self) -> str:
        """The criterion as a sentence: `Given …, When …, Then …`."""
        return f"Given {self.given}, When {self.when}, Then {self.then}"
