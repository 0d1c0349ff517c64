"""Lists of token ids to padded tensors. The attention mask comes from lengths, never from comparing ids with a pad id:
a model whose pad token is its end-of-sequence token keeps every real one.
"""

from collections.abc import Sequence


def pad(sequences: Sequence[Sequence[int]], value: int, side: str = "right"):
    """Pad to the longest: int64 tensor (batch, length) and its mask, int64, 1 on real positions."""
    import torch

    length = max(len(sequence) for sequence in sequences)
    ids = torch.full((len(sequences), length), value, dtype=torch.long)
    mask = torch.zeros((len(sequences), length), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        start = length - len(sequence) if side == "left" else 0
        ids[row, start : start + len(sequence)] = torch.tensor(sequence, dtype=torch.long)
        mask[row, start : start + len(sequence)] = 1
    return ids, mask
