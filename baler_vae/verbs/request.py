"""What is asked of `fit` and `compress`: checked once, where it comes in, and handed on whole."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from baler_vae.codec.codec import Codec
from baler_vae.codec.manifests import WRITER
from baler_vae.errors import UsageError, did_you_mean
from baler_vae.guarantees.definitions import Asked, Declared, Guarantees
from baler_vae.io.files import file_stamp, split_spec
from baler_vae.scale.cluster import Client
from baler_vae.settings.checking import check_settings
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.project import Project
from baler_vae.source.dialect import DialectOptions, Options, dialect_options
from baler_vae.source.source import Source
from baler_vae.table.bounds import BoundRule, parse_bound
from baler_vae.table.lists import listed_bounds, listed_columns
from baler_vae.table.schema import as_tuple

_ARGUMENTS = (
    "columns",
    "bound",
    "guarantees",
    "quantities",
    "dialect",
    "codec",
    "skip_unreadable",
    "keep_history",
    "workers",
    "scheduler",
    "verify",
)
"""What `fit` and `compress` take beside the settings of a model, whose names come as keywords too."""
_OF_TEXT = tuple(option.name for option in fields(DialectOptions))


@dataclass(frozen=True, kw_only=True)
class AskedBound:
    """A bound as it was written, and its rules. The text may list several bounds, and the pattern of a rule several
    columns, as long as nobody knows the names of the columns.
    """

    text: str
    rules: tuple[BoundRule, ...]

    @classmethod
    def parsed(cls, text: str) -> "AskedBound":
        """What a user wrote.

        Raises:
            UsageError: it is not a bound, nor a list of bounds.
        """
        return cls(text=text, rules=tuple(map(parse_bound, listed_bounds([text], ()))))

    def listed(self, names: Sequence[str]) -> "Iterator[AskedBound]":
        """The bounds in the text, one by one, of columns with these names."""
        for text in listed_bounds([self.text], names):
            yield AskedBound(text=text, rules=(parse_bound(text),))

    def of_columns(self, pattern: str) -> "AskedBound":
        """The same bound of the columns that match another glob."""
        rules = tuple(replace(rule, pattern=pattern) for rule in self.rules)
        return AskedBound(text=f"{pattern}={self.text.rpartition('=')[2]}", rules=rules)


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """What is asked of a codec: the names or globs of its columns (all columns where there are none), their bounds,
    what is guaranteed beyond them, and the settings of its model. With `skip_unreadable` columns that cannot be read
    are left out.
    """

    columns: tuple[str, ...] = ()
    bounds: tuple[AskedBound, ...] = ()
    guarantees: Guarantees = field(default_factory=Guarantees)
    settings: ModelSettings = field(default_factory=ModelSettings)
    skip_unreadable: bool = False

    @classmethod
    def of(
        cls,
        *,
        columns: str | Sequence[str] = (),
        bound: str | Sequence[str] = (),
        guarantees: Sequence[Asked] = (),
        quantities: Sequence[Declared] = (),
        skip_unreadable: bool = False,
        settings: ModelSettings | None = None,
        model: Mapping[str, Any] | None = None,
    ) -> "FitRequest":
        """The request that the arguments of `fit` make; `model` are the settings of the model given as keywords, and
        guarantees may name `quantities`.

        Raises:
            UsageError: a bound or a setting is wrong.
        """
        return cls(
            columns=as_tuple(columns),
            bounds=tuple(map(AskedBound.parsed, as_tuple(bound))),
            guarantees=Guarantees.of([guarantees] if isinstance(guarantees, str | Mapping) else guarantees, quantities),
            settings=_settings_of(settings, model or {}),
            skip_unreadable=skip_unreadable,
        )

    @classmethod
    def of_project(cls, project: Project, *, bound: Sequence[str] | None = None) -> "FitRequest":
        """What a project asks, or the same under other bounds.

        Raises:
            UsageError: a bound, or a quantity of a guarantee, is wrong.
        """
        return cls.of(
            columns=project.columns,
            bound=project.bound if bound is None else bound,
            guarantees=project.guarantees,
            quantities=project.evaluation.quantities,
            settings=project.model,
        )

    @property
    def rules(self) -> tuple[BoundRule, ...]:
        return tuple(rule for bound in self.bounds for rule in bound.rules)

    @property
    def texts(self) -> tuple[str, ...]:
        """The bounds as they are written."""
        return tuple(bound.text for bound in self.bounds)

    def listed(self, names: Sequence[str], readable: Sequence[str]) -> "FitRequest":
        """The same request with one glob, or one bound, in each text. `names` are those of all columns, `readable` of
        those that bounds can be of.
        """
        bounds = tuple(own for bound in self.bounds for own in bound.listed(readable))
        return replace(self, columns=listed_columns(self.columns, names), bounds=bounds)

    def listed_for(self, source: Source) -> "FitRequest":
        """The same request with one glob, or one bound, in each text, for the columns of a source."""
        return self.listed([*source.schema.order, *source.unsupported], source.schema.order)

    def described(self) -> dict[str, Any]:
        """What repeats the fit, in plain values, as archives and codecs tell it in `settings`."""
        return {"columns": list(self.columns), "bound": list(self.texts), "model": self.settings.described()}


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """How a file is compressed, whatever the codec: all arguments are those of `compress`."""

    verify: bool = True
    keep_history: bool = False
    force: bool = False
    resume: bool = False
    workers: int | None = None
    scheduler: str | Client | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of `compress`. `codec` is the one to be used, or what is asked of one that is to be fitted."""

    codec: Codec | FitRequest = field(default_factory=FitRequest)
    dialect: DialectOptions | None = None
    run: RunRequest = field(default_factory=RunRequest)

    @classmethod
    def of(
        cls,
        *,
        codec: Codec | str | Path | None = None,
        columns: str | Sequence[str] = (),
        bound: str | Sequence[str] = (),
        guarantees: Sequence[Asked] = (),
        quantities: Sequence[Declared] = (),
        skip_unreadable: bool = False,
        settings: ModelSettings | None = None,
        model: Mapping[str, Any] | None = None,
        dialect: Options = None,
        run: RunRequest,
    ) -> "Request":
        """The request that the arguments of `compress` make; a codec is loaded where a path is given.

        Raises:
            UsageError: a bound, a setting or the dialect is wrong, or a codec is given and columns, bounds or a model
                as well.
            SourceError: there is no such codec.
            ArchiveError: it is not a codec, or is damaged.
        """
        options = dialect_options(dialect)
        if codec is None:
            fit = FitRequest.of(
                columns=columns,
                bound=bound,
                guarantees=guarantees,
                quantities=quantities,
                skip_unreadable=skip_unreadable,
                settings=settings,
                model=model,
            )
            return cls(codec=fit, dialect=options, run=run)
        if columns or model or bound or settings or guarantees:
            raise UsageError(
                "a codec has its own columns, bounds, guarantees and model",
                way_out="Leave out either these or the codec",
            )
        return cls(codec=codec if isinstance(codec, Codec) else Codec.load(codec), dialect=options, run=run)

    @property
    def fit(self) -> FitRequest | None:
        """What is asked of the codec; None where there is one already."""
        return None if isinstance(self.codec, Codec) else self.codec

    def listed_for(self, source: Source) -> "Request":
        """The same request with one glob, or one bound, in each text, for the columns of a source."""
        return self if isinstance(self.codec, Codec) else replace(self, codec=self.codec.listed_for(source))

    def described(self, specs: Sequence[str], tables: Sequence[str] = ()) -> dict[str, Any]:
        """All that the archive of some files, or of some of their tables, depends on, in plain values: a run with
        `resume` goes on only where all of them are what they were.
        """
        stamps = [file_stamp(spec) or (None, None) for spec in specs]
        fit = self.fit or FitRequest()
        found = {
            "source": [_whole_path(spec) for spec in specs],
            "size": [size for size, _ in stamps],
            "modification time": [time for _, time in stamps],
            "choice of columns": list(fit.columns),
            "bound": list(fit.texts),
            "--skip-unreadable": fit.skip_unreadable,
            "--keep-history": self.run.keep_history,
            "model": None if self.fit is None else fit.settings.model_dump(mode="json"),
            "codec": hashlib.sha256(self.codec.to_bytes()).hexdigest() if isinstance(self.codec, Codec) else None,
            "version": WRITER,
        }
        found |= {"guarantees": fit.guarantees.described()} if fit.guarantees else {}
        found |= {"dialect": self.dialect.given()} if self.dialect is not None else {}
        return found | ({"tables": list(tables)} if tables else {})


def _whole_path(spec: str) -> str:
    """A file, by its whole path where it is local, and what is named in it."""
    path, inner = split_spec(spec)
    return f"{path if '://' in path else Path(path).resolve()}:{inner}"


def _settings_of(settings: ModelSettings | None, model: Mapping[str, Any]) -> ModelSettings:
    """The settings of a model, or what keywords say of it: `model`, as the command line has it, is the kind.

    Raises:
        UsageError: both are given, or a keyword is unknown or has a wrong value.
    """
    if settings is not None and model:
        raise UsageError("the model is described twice", way_out="Give settings, or keywords such as kind and latent")
    if "model" in model:
        if "kind" in model:
            raise UsageError("the kind of model is given twice", way_out="Give kind or model, which mean the same")
        model = {"kind" if name == "model" else name: value for name, value in model.items()}
    for name in model:
        if name in _OF_TEXT:
            way_out = f'Write dialect={{"{name}": ...}}'
            raise UsageError(f"there is no setting {name!r}: it describes text files", way_out=way_out)
        meant = did_you_mean(name, [*_ARGUMENTS, *ModelSettings.model_fields])
        if meant is not None and name not in ModelSettings.model_fields:
            raise UsageError(f"there is no setting {name!r}", way_out=meant)
    return settings or check_settings(ModelSettings, dict(model))
