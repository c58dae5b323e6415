"""Takes training steps: a batch is drawn, its gradients found, the weights moved.

On a GPU forward and backward run as one captured CUDA graph, which spares the launch of hundreds of small kernels per
step; where that cannot be done they run eagerly and `notes` say why. Where memory does not suffice the batch is halved once.
"""

import torch
from torch import Tensor, nn

from forecasting.errors import InputError
from forecasting.training.batches import Batches
from forecasting.training.capture import Captured, CaptureError
from forecasting.training.optimizer import Told, Updater
from forecasting.training.settings import TrainingSettings


class Stepper:
    """Calling it takes one step at a learning rate."""

    def __init__(
        self,
        network: nn.Module,
        batches: Batches,
        updater: Updater,
        settings: TrainingSettings,
        notes: dict[str, str],
    ) -> None:
        self.network, self.batches, self.updater, self.notes = network, batches, updater, notes
        self.device = updater.parameters[0].device
        self.bf16 = settings.bf16
        self.wants_graph = settings.cuda_graph and self.device.type == "cuda"
        self.captured: Captured | None = None

    def __call__(self, rate: float) -> Told:
        """Draw, find gradients, update; InputError where half of a batch does not fit into memory either."""
        while True:
            try:
                loss = self._gradients(self.batches.draw())
                return self.updater.update(loss, rate)
            except torch.OutOfMemoryError:
                if "halved_batch" in self.notes or self.batches.batch_size < 2:
                    raise InputError(
                        f"a batch must fit into the memory of {self.device}, got none left with {self.batches.batch_size} "
                        "windows: set training.batch_size, hidden_size or context_length of the forecaster lower"
                    ) from None
            self._halve()  # outside the except clause, whose traceback keeps the tensors of the failed step alive

    def _halve(self) -> None:
        before = self.batches.batch_size
        self.batches.batch_size = before // 2
        self.notes["halved_batch"] = f"out of memory with {before} windows: went on with {before // 2}"
        self.captured = None
        self.updater.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _gradients(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Gradients of the batch at the parameters, and its loss, detached."""
        if self.wants_graph and self.captured is None:
            self._capture(batch)
        if self.captured is not None:
            return self.captured(batch)
        self.updater.optimizer.zero_grad(set_to_none=True)
        return self._backward(batch)

    def _backward(self, batch: tuple[Tensor, ...]) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            loss = self.batches.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _capture(self, batch: tuple[Tensor, ...]) -> None:
        try:
            if self.batches.why_eager is not None:
                raise CaptureError(self.batches.why_eager)
            self.captured = Captured(self._backward, self.updater.parameters, batch)
            self.notes["step"] = "captured as a CUDA graph"
        except CaptureError as error:
            self.wants_graph = False
            self.notes["step"] = f"eager: {error}"
