"""Random functions of coalitions that are not linear, to stand in for text and video towers."""

import torch


class SetEncoder:
    """Returns a normalized vector for every coalition, by a small random network, and counts what it is asked."""

    def __init__(self, num_players, *, width=8, seed=0, dtype=torch.float64):
        generator = torch.Generator().manual_seed(seed)
        self.tokens, self.others, self.mixing, self.gate = (
            torch.randn(rows, width, generator=generator, dtype=dtype)
            for rows in (num_players, num_players, width, width)
        )
        self.num_asked = 0
        self.largest_call = 0

    def __call__(self, coalitions):
        assert coalitions.any(1).all(), "nobody's vector is known and never asked for"
        self.num_asked += len(coalitions)
        self.largest_call = max(self.largest_call, len(coalitions))
        inside = coalitions.to(self.tokens)
        hidden = torch.tanh(inside @ self.tokens @ self.mixing / 4)
        gate = torch.sigmoid(inside @ self.others @ self.gate / 4)
        return torch.nn.functional.normalize(hidden * gate + 0.1, dim=-1)
