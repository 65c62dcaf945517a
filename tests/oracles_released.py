"""What the authors' released code computes, slowly and in float64, from a state dict in their naming.

Written from a description of that code in words; it shares nothing with `hbi`. One text or video at a time where that
is possible: only the distance that padding gets in clustering looks at the whole batch. The released training loss is
here and nowhere else.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

State = Mapping[str, Tensor]
LEVELS = ("entity", "action", "event")
SUFFIX = {"entity": "", "action": "0", "event": "1"}


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def norm(state: State, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
    return layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], eps)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, num_heads: int) -> Tensor:
    """[queries, width] from [keys, width]; the bias is added to the logits of every head."""
    mixed = []
    for q, k, v in zip(*(x.chunk(num_heads, -1) for x in (query, key, value)), strict=True):
        mixed.append((q @ k.T / math.sqrt(q.shape[-1]) + bias).softmax(-1) @ v)
    return torch.cat(mixed, -1)


def block(state: State, name: str, x: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    stacked = norm(state, f"{name}.ln_1", x, eps) @ state[f"{name}.attn.in_proj_weight"].T
    query, key, value = (stacked + state[f"{name}.attn.in_proj_bias"]).chunk(3, -1)
    mixed = attend(query, key, value, bias, x.shape[-1] // 64)
    x = x + linear(state, f"{name}.attn.out_proj", mixed)
    hidden = linear(state, f"{name}.mlp.c_fc", norm(state, f"{name}.ln_2", x, eps))
    return x + linear(state, f"{name}.mlp.c_proj", hidden * (1.702 * hidden).sigmoid())


def transformer(state: State, name: str, x: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    number = 0
    while f"{name}.resblocks.{number}.ln_1.weight" in state:
        x = block(state, f"{name}.resblocks.{number}", x, bias, eps)
        number += 1
    return x


def text_tokens(state: State, ids: Tensor, mask: Tensor) -> Tensor:
    length = len(ids)
    bias = torch.full((length, length), -math.inf, dtype=torch.float64).triu(1)
    bias[:, mask == 0] = -math.inf
    x = state["clip.token_embedding.weight"][ids] + state["clip.positional_embedding"][:length]
    x = transformer(state, "clip.transformer", x, bias)
    return norm(state, "clip.ln_final", x) @ state["clip.text_projection"]


def frame_feature(state: State, pixels: Tensor) -> Tensor:
    kernel = state["clip.visual.conv1.weight"]
    patches = torch.nn.functional.conv2d(pixels[None], kernel, stride=kernel.shape[-1])[0].flatten(1).T
    x = torch.cat([state["clip.visual.class_embedding"][None], patches]) + state["clip.visual.positional_embedding"]
    x = norm(state, "clip.visual.ln_pre", x)
    x = transformer(state, "clip.visual.transformer", x, torch.zeros((), dtype=torch.float64))
    return norm(state, "clip.visual.ln_post", x[0]) @ state["clip.visual.proj"]


def frame_tokens(state: State, features: Tensor, mask: Tensor) -> Tensor:
    x = features + state["frame_position_embeddings.weight"][: len(features)]
    return features + transformer(state, "transformerClip", x, (1 - mask.double()) * -1e6, 1e-12)


def recurrent_frame_tokens(state: State, features: Tensor, mask: Tensor) -> Tensor:
    """Those of a batch, packed for an LSTM and unpacked; behind the longest video stand the features."""
    own = {name.removeprefix("lstm_visual."): each for name, each in state.items() if name.startswith("lstm_visual.")}
    lstm = nn.LSTM(features.shape[-1], features.shape[-1], num_layers=len(own) // 4, batch_first=True).double()
    lstm.load_state_dict(own)
    packed = pack_padded_sequence(features, mask.sum(-1), batch_first=True, enforce_sorted=False)
    output, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
    return torch.cat((output, features[:, output.shape[1] :]), dim=1) + features


def convolved(state: State, name: str, x: Tensor) -> Tensor:
    kernel = state[f"{name}.conv.conv.weight"]
    padded = torch.cat([torch.zeros_like(x[:1]), x, torch.zeros_like(x[:1])])
    mixed = [sum(kernel[:, :, k] @ padded[n + k] for k in range(3)) for n in range(len(x))]
    return norm(state, f"{name}.norm", x + torch.stack(mixed))


def clusters(x: Tensor, mask: Tensor, farthest: float, ratio: float) -> tuple[list[int], list[int]]:
    """The centers, best score first, and the cluster of every token."""
    length = len(x)
    distance = [[farthest + 1] * length for _ in range(length)]
    for i in range(length):
        for j in range(length):
            if mask[j]:
                distance[i][j] = (x[i] - x[j]).norm().item() / math.sqrt(x.shape[1])
    density = []
    for i in range(length):
        nearest = sorted(distance[i])[:3]
        density.append(math.exp(-sum(d * d for d in nearest) / len(nearest)) if mask[i] else 0.0)
    largest = max(map(max, distance))
    parent = [
        min([distance[i][j] for j in range(length) if density[j] > density[i]], default=largest) for i in range(length)
    ]
    order = sorted(range(length), key=lambda i: (-parent[i] * density[i], i))
    centers = order[: max(math.ceil(length * ratio), 1)]
    nearest_center = [min(range(len(centers)), key=lambda k: (distance[centers[k]][i], k)) for i in range(length)]
    assignment = [centers.index(i) if i in centers else nearest_center[i] for i in range(length)]
    return centers, assignment


def merge(state: State, side: str, number: int, batch: Tensor, masks: Tensor, ratio: float) -> tuple[Tensor, list]:
    """The tokens of the next level, and the cluster of every token of this one, for a batch."""
    ctm, tcb = f"{side}_ctm{number}", f"{side}_block{number}"
    mixed = [convolved(state, ctm, x) for x in batch]
    width = batch.shape[-1]
    farthest = max((x[:, None] - x[None]).norm(dim=-1).max().item() / math.sqrt(width) for x in mixed)
    merged, assignments = [], []
    for x, mask in zip(mixed, masks, strict=True):
        score = linear(state, f"{ctm}.score", x)[:, 0]
        centers, assignment = clusters(x, mask, farthest, ratio)
        rows = []
        for k in range(len(centers)):
            members = [i for i in range(len(x)) if assignment[i] == k and mask[i]]
            weights = score[members].exp()
            rows.append(weights @ x[members] / (weights.sum() + 1e-6))
        tokens = torch.stack(rows)
        query = linear(state, f"{tcb}.attn.q", norm(state, f"{tcb}.norm1", tokens))
        key, value = linear(state, f"{tcb}.attn.kv", norm(state, f"{tcb}.norm1", x)).chunk(2, -1)
        bias = torch.where(mask.bool(), score, -math.inf)
        merged.append(tokens + linear(state, f"{tcb}.attn.proj", attend(query, key, value, bias, 8)))
        assignments.append(assignment)
    return torch.stack(merged), assignments


def token_weights(state: State, name: str, x: Tensor, mask: Tensor) -> Tensor:
    logits = linear(state, f"{name}.2", linear(state, f"{name}.0", x).relu())[:, 0]
    return torch.where(mask.bool(), logits, -9e15).softmax(-1)


def cosines(words: Tensor, frames: Tensor) -> Tensor:
    return (words / words.norm(dim=-1, keepdim=True)) @ (frames / frames.norm(dim=-1, keepdim=True)).T


def estimate(state: State, name: str, similarity: Tensor) -> Tensor:
    convolve = torch.nn.functional.conv2d
    cells = convolve(similarity[None, None], state[f"{name}.cnn1.weight"], state[f"{name}.cnn1.bias"], padding=1).relu()
    x = cells[0].flatten(1).T
    x = x + ((x @ state[f"{name}.Q"]) @ (x @ state[f"{name}.K"]).T).softmax(-1) @ (x @ state[f"{name}.V"])
    cells = x.T.reshape(cells.shape)
    return convolve(cells, state[f"{name}.cnn2.weight"], state[f"{name}.cnn2.bias"], padding=1)[0, 0]


def released(
    state: State, ids: Tensor, text_mask: Tensor, pixels: Tensor, video_mask: Tensor, ratios: Mapping[str, Sequence]
) -> dict[str, Tensor | list]:
    """Everything of a batch: tokens, clusters, similarities by level, interaction maps of matched pairs."""
    state = {name: tensor.double() for name, tensor in state.items()}
    words = torch.stack([text_tokens(state, *row) for row in zip(ids, text_mask, strict=True)])
    features = torch.stack([torch.stack([frame_feature(state, frame) for frame in video]) for video in pixels.double()])
    if "lstm_visual.weight_ih_l0" in state:
        frames = recurrent_frame_tokens(state, features, video_mask)
    else:
        frames = torch.stack([frame_tokens(state, *row) for row in zip(features, video_mask, strict=True)])
    result: dict[str, Tensor | list] = {"words": words, "frames": frames}
    masks = {"t": text_mask, "v": video_mask}
    sides = {"t": words, "v": frames}
    for number, level in enumerate(LEVELS):
        if number:
            for side in sides:
                sides[side], result[f"{side}_clusters_{level}"] = merge(
                    state, side, number - 1, sides[side], masks[side], ratios[side][number - 1]
                )
                masks[side] = torch.ones(sides[side].shape[:2])
        result |= compare(state, level, sides, masks)
    return result


def compare(state: State, level: str, sides: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    num = len(sides["t"])
    similarity = torch.zeros(num, num, dtype=torch.float64)
    table = [[torch.empty(0)] * num for _ in range(num)]
    for a in range(num):
        for b in range(num):
            cells = masks["t"][a].double()[:, None] * masks["v"][b].double()[None, :]
            table[a][b] = cosines(sides["t"][a], sides["v"][b]) * cells
            word_weights = token_weights(state, f"text_weight_fc{SUFFIX[level]}", sides["t"][a], masks["t"][a])
            frame_weights = token_weights(state, f"video_weight_fc{SUFFIX[level]}", sides["v"][b], masks["v"][b])
            similarity[a, b] = (word_weights @ table[a][b].amax(1) + frame_weights @ table[a][b].amax(0)) / 2
    matched = [table[a][a] for a in range(num)]
    return {
        f"similarity_{level}": similarity,
        f"matched_{level}": torch.stack(matched),
        f"student_{level}": torch.stack([estimate(state, f"banzhafmodel{SUFFIX[level]}", x) for x in matched]),
        f"teacher_{level}": torch.stack([estimate(state, "banzhafteacher", x) for x in matched]),
    }


def divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean over all elements, not over rows, of the terms of KL(teacher || student) along the last axis."""
    target = teacher.softmax(-1)
    return (target * (teacher.log_softmax(-1) - student.log_softmax(-1))).mean()


def reversed_axes(x: Tensor) -> Tensor:
    return x.permute(*range(x.dim() - 1, -1, -1))


def released_losses(
    similarity: Mapping[str, Tensor],
    student: Mapping[str, Tensor],
    teacher: Mapping[str, Tensor],
    cells: Tensor,
    logit_scale: Tensor,
    *,
    kl: float = 2.0,
    skl: float = 1.0,
) -> dict[str, Tensor]:
    """The released training loss and its terms, from similarities and interaction maps by level.

    `cells` are the real cells of the matched pairs at the entity level, the only one where maps are masked. The third
    axis that `reversed_axes` puts last is the batch: the released code meant the words.
    """
    terms: dict[str, Tensor] = {}
    for level in LEVELS:
        logits = similarity[level] * logit_scale
        terms[f"ce_{level}_t2v"] = -logits.log_softmax(-1).diagonal().mean()
        terms[f"ce_{level}_v2t"] = -logits.T.log_softmax(-1).diagonal().mean()
        maps = [each[level] * cells if level == "entity" else each[level] for each in (student, teacher)]
        terms[f"skl_{level}"] = divergence(*maps)
        terms[f"skl_{level}_T"] = divergence(*map(reversed_axes, maps))
    for level in LEVELS[1:]:
        terms[f"kl_t2v_{level}"] = divergence(similarity[level], similarity["entity"])
        terms[f"kl_v2t_{level}"] = divergence(similarity[level].T, similarity["entity"].T)
    by_level = {
        level: (terms[f"ce_{level}_t2v"] + terms[f"ce_{level}_v2t"]) / 2
        + skl * (terms[f"skl_{level}"] + terms[f"skl_{level}_T"])
        for level in LEVELS
    }
    terms["loss1"], terms["loss2"] = by_level["action"], by_level["event"]
    distilled = sum(value for name, value in terms.items() if name.startswith("kl_"))
    terms["loss"] = sum(by_level.values()) + kl * distilled
    return terms
