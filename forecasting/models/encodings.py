"""Input encodings: how the steps of a window become what the recurrence reads. Axes: B, T steps, F inputs, N recurrent steps.

steps     one step of the series per recurrent step
segments  a linear map with relu of s consecutive steps per recurrent step: T / s of them (SegRNN, Lin et al. 2023)
"""

import torch
from torch import Tensor, nn


class Steps(nn.Module):
    """The steps as they are."""

    stride = 1

    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.n_outputs = n_inputs

    def forward(self, inputs_BTF: Tensor, length_B: Tensor) -> tuple[Tensor, Tensor]:
        """The same steps and lengths."""
        return inputs_BTF, length_B


class Segments(nn.Module):
    """Segments end with the last step of each window; before the first step stand zeros, which say: nothing observed."""

    def __init__(self, n_inputs: int, length: int, hidden_size: int) -> None:
        super().__init__()
        self.stride, self.n_outputs = length, hidden_size
        self.embed = nn.Linear(length * n_inputs, hidden_size)

    def forward(self, inputs_BTF: Tensor, length_B: Tensor) -> tuple[Tensor, Tensor]:
        """Embedded segments (B, N, D), left-aligned, and how many each window has (B,)."""
        ended = end_aligned(inputs_BTF, length_B, self.stride)
        segments_BND = torch.relu(self.embed(ended.reshape(len(ended), -1, self.embed.in_features)))
        return segments_BND, -(-length_B // self.stride)


Encoding = Steps | Segments
ENCODINGS: dict[str, str] = {
    "steps": "one step of the series per recurrent step",
    "segments": "`length` consecutive steps per recurrent step by a linear map (SegRNN, Lin et al. 2023)",
}


def make_encoding(segment_length: int | None, n_inputs: int, hidden_size: int) -> Encoding:
    """Segments of that length, or steps."""
    return Steps(n_inputs) if segment_length is None else Segments(n_inputs, segment_length, hidden_size)


def end_aligned(inputs_BTF: Tensor, length_B: Tensor, multiple: int) -> Tensor:
    """Each window moved to the right until its last step ends a block of `multiple` steps, zeros before it; (B, N * multiple, F)."""
    T = inputs_BTF.shape[1]
    position = torch.arange(-(-T // multiple) * multiple, device=inputs_BTF.device)
    source_BT = position - (-length_B % multiple)[:, None]
    inside_BT1 = ((source_BT >= 0) & (source_BT < length_B[:, None]))[..., None]
    index = source_BT.clamp(0, T - 1)[..., None].expand(-1, -1, inputs_BTF.shape[2])
    return torch.where(inside_BT1, torch.gather(inputs_BTF, 1, index), 0.0)
