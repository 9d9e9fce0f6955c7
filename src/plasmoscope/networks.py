"""Networks on disk and in memory: an ONNX file with a card beside it, checked against each other before it is run."""

import codecs
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import onnxruntime
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plasmoscope import __version__
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import replace_file
from plasmoscope.providers import ProviderError, chosen_provider, onnxruntime_providers
from plasmoscope.threads import usable_threads


class ModelError(PlasmoscopeError):
    """A model is missing, altered or not usable; no diagnosis is guessed without one."""


class CardRecord(BaseModel):
    """A part of a card."""

    # A figure may be undefined: the precision of a model that calls nothing parasitized. JSON has no NaN.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class NetworkCard(CardRecord):
    """What every card tells of its network."""

    name: str
    recipe: str
    created: str
    plasmoscope: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the ONNX file."""

    @classmethod
    def of(cls, network: bytes, **fields: Any) -> Self:
        """The card of an ONNX graph made today by this version; ``fields`` are the rest of it."""
        return cls(
            created=datetime.now(UTC).date().isoformat(),
            plasmoscope=__version__,
            sha256=hashlib.sha256(network).hexdigest(),
            **fields,
        )

    def write(self, model_file: Path) -> None:
        """Write the card beside its ONNX file, all at once."""
        replace_file(card_path(model_file), (self.model_dump_json(indent=2) + "\n").encode())


SomeCard = TypeVar("SomeCard", bound=NetworkCard)


def card_path(model_file: Path) -> Path:
    """Where the card of an ONNX file lies."""
    return model_file.with_suffix(".json")


def save_network(model_file: Path, network: bytes, card: NetworkCard) -> None:
    """Write a network and its card; a kill between the two leaves a pair that ``read_network`` refuses."""
    replace_file(model_file, network)
    card.write(model_file)


def read_network(model_file: Path, kind: type[SomeCard]) -> tuple[bytes, SomeCard]:
    """The ONNX bytes and the card of a model, checked against each other.

    Raises:
        ModelError: either is missing or damaged, or the checksum differs.
    """
    try:
        network = model_file.read_bytes()
    except OSError as error:
        raise ModelError(
            f"There is no model at {model_file} ({error.strerror or error}). Give the .onnx file or the run folder "
            "that holds it, or leave --model out to use the one that ships."
        ) from error
    card = read_card(card_path(model_file), kind)
    if hashlib.sha256(network).hexdigest() != card.sha256:
        raise ModelError(
            f"{model_file} is not the file that its card describes (the checksum differs). "
            "It was cut short or altered; copy the model and its card again."
        )
    return network, card


def read_card(file: Path, kind: type[SomeCard]) -> SomeCard:
    """A model's card.

    Raises:
        ModelError: it is missing or damaged.
    """
    try:
        return kind.model_validate_json(file.read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise ModelError(
            f"The model card {file} is missing. A model without its card cannot be fed rightly; copy both files "
            "together."
        ) from error
    except ValidationError as error:
        raise ModelError(f"The model card {file} is not valid: {error}") from error


def open_session(network: bytes, name: str, threads: int | None = None) -> onnxruntime.InferenceSession:
    """A network, ready to run.

    Args:
        network: an ONNX graph.
        name: of the model, for the error.
        threads: processor threads; as many as ``usable_threads`` if None.

    Raises:
        ModelError: the bytes are not a network that can be run.
        ProviderError: what networks are to run on is not there.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_threads()
    # It plans memory for each size of batch and keeps it: 40 MB for nothing in speed.
    options.enable_mem_pattern = False
    providers = onnxruntime_providers()
    try:
        session = onnxruntime.InferenceSession(network, options, providers=providers)
    # ONNX Runtime raises its own classes for each of its status codes, with RuntimeError not among the bases.
    except Exception as error:
        raise ModelError(f"The network of the model '{name}' cannot be run: {error}") from error
    if providers[0] not in session.get_providers():
        # It only warns, and goes on with the processor.
        raise ProviderError(
            f"ONNX Runtime cannot begin to compute on '{chosen_provider()}' here: a driver or a library that it needs "
            "is missing or too old. Leave --provider out to use the processor."
        )
    return session
