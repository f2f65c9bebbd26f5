"""What the configurations of all families have in common."""

import dataclasses
import json
from typing import ClassVar, Self


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The sizes and settings of a family of models: made of presets, as JSON and back, and checked."""

    _presets: ClassVar[dict[str, dict]] = {}

    @classmethod
    def from_preset(cls, name: str, **changes) -> Self:
        """The configuration of a published model, with `changes` to single fields."""
        if name not in cls._presets:
            raise ValueError(f"{cls.__name__} has no preset {name!r}. The presets are: {', '.join(cls._presets)}.")
        return cls(**{**cls._presets[name], **changes})

    def to_dict(self) -> dict:
        """All fields by name."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """All fields as a JSON object."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From what `to_json` wrote."""
        fields = json.loads(text)
        unknown = set(fields) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(
                f"{cls.__name__} has no {', '.join(sorted(unknown))}. Read a config of another library with "
                f"`{cls.__name__}.from_huggingface`."
            )
        return cls(**fields)

    def require_all_heads(self) -> None:
        """Raises a ValueError if heads were removed, which the formats of other libraries cannot say."""
        if self.heads_per_layer is not None:
            raise ValueError(
                f"Formats of other libraries have as many heads in every layer, and this model has "
                f"heads_per_layer={self.heads_per_layer}. Save it in this library's own: `kbl.convert.save_pretrained`."
            )

    def _check_heads(self, num_layers: int) -> None:
        """Makes a tuple of `heads_per_layer`, which comes as a list from JSON, and checks it."""
        object.__setattr__(self, "heads_per_layer", tuple(self.heads_per_layer))
        self._require(
            len(self.heads_per_layer) == num_layers
            and all(isinstance(count, int) and 0 < count <= self.num_heads for count in self.heads_per_layer),
            "heads_per_layer",
            f"None or {num_layers} integers from 1 to num_heads={self.num_heads}",
        )

    def _require(self, holds: bool, name: str, expectation: str) -> None:
        if not holds:
            raise ValueError(
                f"`{name}` of {type(self).__name__} must be {expectation}. Received: {getattr(self, name)!r}."
            )
