import pytest
import torch

from hbi.models import HBIConfig
from small_networks import small_config


@pytest.fixture
def config() -> HBIConfig:
    special_tokens = {"bos_token_id": 48, "eos_token_id": 49, "pad_token_id": 49}
    return small_config(special_tokens=special_tokens, vocab_size=50, max_words=12)


@pytest.fixture
def texts() -> tuple[torch.Tensor, torch.Tensor]:
    """Texts of 5, 1, 3 and 0 words, padded with the end token as CLIP does."""
    rows = [[1, 2, 3, 4, 5], [6], [7, 8, 9], []]
    ids = torch.full((4, 7), 49)
    mask = torch.zeros(4, 7, dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row) + 2] = torch.tensor([48, *row, 49])
        mask[index, : len(row) + 2] = 1
    return ids, mask


@pytest.fixture
def videos() -> tuple[torch.Tensor, torch.Tensor]:
    """Videos of 6, 1, 2 and 4 frames."""
    torch.manual_seed(3)
    mask = torch.arange(6)[None] < torch.tensor([6, 1, 2, 4])[:, None]
    return torch.randn(4, 6, 3, 16, 16), mask
