"""Objects of the API: typed where they are known, kept where they are not."""

from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ClassVar,
    Dict,
    FrozenSet,
    List,
    Mapping,
    Optional,
    Type,
    TypeVar,
)

M = TypeVar("M", bound="Model")

#: What no log should hold.
_SECRETS = ("key", "secret", "standard_secret")


class Model:
    """JSON with attributes."""

    #: What is made of the fields that are not taken as they are; the types are in the annotations.
    _reads: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    _known: ClassVar[FrozenSet[str]] = frozenset()

    def __init__(self, **fields: Any) -> None:
        object.__setattr__(self, "_data", fields)

    def __init_subclass__(cls, reads: Optional[Mapping[str, Callable[[Any], Any]]] = None) -> None:
        # Beside those of what it is made of: a program may add to a model of ours.
        cls._reads = {**cls._reads, **(reads or {})}
        cls._known = cls._known.union(getattr(cls, "__annotations__", ()))

    @classmethod
    def read(cls: Type[M], data: Any) -> M:
        """The model of an answer's object. Raises TypeError for what is no object."""
        if not isinstance(data, dict):
            raise TypeError(f"{cls.__name__} is read from an object.")
        model = cls.__new__(cls)
        object.__setattr__(model, "_data", data)
        return model

    def to_dict(self) -> Dict[str, Any]:
        """The JSON as it came, or as it is sent."""
        data: Dict[str, Any] = self._data
        return data

    def __getitem__(self, name: str) -> Any:
        value = self._data[name]
        reads = self._reads.get(name)
        return value if reads is None or value is None else reads(value)

    def __contains__(self, name: str) -> bool:
        return name in self._data

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._data == self._data

    __hash__ = None  # type: ignore[assignment]
    #: Else Python would ask for the item 0. `to_dict` is for going over the fields.
    __iter__ = None

    def __repr__(self) -> str:
        """The fields as they are, but of secrets only that they are there."""
        fields = ", ".join(
            f"{name}={'<hidden>' if name in _SECRETS and value else repr(value)}"
            for name, value in self._data.items()
        )
        return f"{type(self).__name__}({fields})"

    def __dir__(self) -> List[str]:
        return sorted({*super().__dir__(), *self._known, *self._data})

    if TYPE_CHECKING:
        _data: Dict[str, Any]
    else:
        # Hidden from the checker of types, so that it finds names that are misspelt.
        def __getattr__(self, name: str) -> Any:
            if not name.startswith("_"):
                if name in self._data:
                    return self[name]
                if name in self._known:
                    return None
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def __setattr__(self, name: str, value: Any) -> None:
            self._data[name] = value


def one(model: Type[M]) -> Callable[[Any], Any]:
    """Reads an object as that model; what is none stays as it is."""
    return lambda value: model.read(value) if isinstance(value, dict) else value


def each(model: Type[M]) -> Callable[[Any], Any]:
    """Reads the objects of a list as that model."""
    read = one(model)
    return lambda values: [read(value) for value in values] if isinstance(values, list) else values


def by_name(model: Type[M]) -> Callable[[Any], Any]:
    """Reads the objects in an object as that model."""
    read = one(model)
    return lambda values: (
        {name: read(value) for name, value in values.items()}
        if isinstance(values, dict)
        else values
    )


class Tree(Model):
    """An object whose names are not known beforehand; what is in it reads as attributes, too."""

    def __getitem__(self, name: str) -> Any:
        return _grown(super().__getitem__(name))


def _grown(value: Any) -> Any:
    if isinstance(value, dict):
        return Tree.read(value)
    return [_grown(item) for item in value] if isinstance(value, list) else value
