"""A forward and backward pass as one CUDA graph: recorded once, replayed with each batch in the same memory."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

_WARM_UP = 3  # passes before recording, in which libraries choose their kernels and take their workspaces


class CaptureError(Exception):
    """A pass cannot be captured; says why."""


class Captured:
    """`backward(batch)` puts gradients at the parameters and gives the loss; calling this does the same for a new batch.

    Random numbers that the pass draws on the device go on from replay to replay; the passes that it takes to record are
    taken back. Raises CaptureError where the pass cannot be recorded, or where the graph gives another loss.
    """

    def __init__(
        self,
        backward: Callable[[tuple[Tensor, ...]], Tensor],
        parameters: list[nn.Parameter],
        batch: tuple[Tensor, ...],
    ) -> None:
        device = parameters[0].device
        self.batch = tuple(tensor.clone() for tensor in batch)
        random = torch.cuda.get_rng_state(device)
        try:
            expected = self._warmed_up(backward, parameters, device)
            self.graph = torch.cuda.CUDAGraph()
            torch.cuda.set_rng_state(random, device)
            with torch.cuda.graph(self.graph):
                self.loss = backward(self.batch)
            torch.cuda.set_rng_state(random, device)
            self.graph.replay()
            given = float(self.loss)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            for parameter in parameters:
                parameter.grad = None
            raise CaptureError(str(error).splitlines()[0]) from error
        finally:
            torch.cuda.set_rng_state(random, device)
        if abs(given - expected) > 1e-3 * max(1.0, abs(expected)):
            raise CaptureError(f"the captured step gave the loss {given:g} where the eager one gave {expected:g}")

    def _warmed_up(
        self, backward: Callable[[tuple[Tensor, ...]], Tensor], parameters: list[nn.Parameter], device: torch.device
    ) -> float:
        """The eager loss, found on a stream of its own as recording asks for; leaves no gradients."""
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        random = torch.cuda.get_rng_state(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                torch.cuda.set_rng_state(random, device)
                for parameter in parameters:
                    parameter.grad = None  # so that the graph assigns gradients at each replay and never adds to them
                loss = backward(self.batch)
            for parameter in parameters:
                parameter.grad = None
        torch.cuda.current_stream(device).wait_stream(stream)
        return float(loss)

    def __call__(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Gradients of `batch` at the parameters; its loss."""
        for place, tensor in zip(self.batch, batch, strict=True):
            place.copy_(tensor)
        self.graph.replay()
        return self.loss.clone()
