"""The transformer of crates/expert in PyTorch: the same shapes, start, windows and optimiser.

It begins with the weights of a checkpoint that the crate made before any training, and draws its windows as the crate
draws them, so that its losses must follow the crate's.
"""

import json
import math
import struct

import torch
import torch.nn.functional as F

from rival import serve, timed

MASK = (1 << 64) - 1
WINDOWS_PART = 0x77


class Random:
    """SplitMix64 as crates/expert/src/random.rs has it."""

    def __init__(self, seed, parts):
        self.state = seed
        for part in parts:
            self.state = self.next() ^ part

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return (self.next() * n) >> 64


def rms(x, gain):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * gain


class Transformer(torch.nn.Module):
    def __init__(self, width, layers, heads, context):
        super().__init__()
        self.width, self.heads, self.head = width, heads, width // heads
        self.sizes = {"embedding": ((260, width), 0.05)}
        for i in range(layers):
            start, adding = width**-0.5, lambda inputs: (inputs * 2 * layers) ** -0.5
            at = f"layers.{i}."
            self.sizes |= {
                at + "attention.norm": ((width,), None),
                at + "attention.qkv": ((width, 3 * width), start),
                at + "attention.query_norm": ((self.head,), None),
                at + "attention.key_norm": ((self.head,), None),
                at + "attention.out": ((width, width), adding(width)),
                at + "mlp.norm": ((width,), None),
                at + "mlp.up": ((width, 4 * width), start),
                at + "mlp.down": ((4 * width, width), adding(4 * width)),
            }
        self.sizes["norm"] = ((width,), None)
        self.layers = layers
        self.weights = torch.nn.ParameterDict()
        for name, (shape, deviation) in self.sizes.items():
            value = torch.ones(shape) if deviation is None else deviation * torch.randn(shape)
            self.weights[name.replace(".", "/")] = torch.nn.Parameter(value)
        angle = torch.arange(context + 1)[:, None] * 10_000 ** (-2 * torch.arange(self.head // 2) / self.head)[None]
        self.register_buffer("cosine", angle.cos())
        self.register_buffer("sine", angle.sin())

    def get(self, name):
        return self.weights[name.replace(".", "/")]

    def load(self, path):
        """Takes the tensors of a safetensors file."""
        with open(path, "rb") as file:
            data = file.read()
        length = struct.unpack("<Q", data[:8])[0]
        header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
        for name, (shape, _) in self.sizes.items():
            begin, end = header[name]["data_offsets"]
            value = torch.frombuffer(bytearray(body[begin:end]), dtype=torch.float32)
            self.get(name).data.copy_(value.reshape(shape))

    def turn(self, x, start):
        cosine, sine = self.cosine[start : start + x.shape[-2]], self.sine[start : start + x.shape[-2]]
        a, b = x.chunk(2, -1)
        return torch.cat((a * cosine - b * sine, a * sine + b * cosine), -1)

    def forward(self, tokens, cache=None):
        """Logits of the 256 bytes; `cache` holds keys and values by layer, and is extended."""
        x = F.embedding(tokens, self.get("embedding"))
        batch, length, width = x.shape
        for i in range(self.layers):
            get = lambda name: self.get(f"layers.{i}.{name}")
            qkv = rms(x, get("attention.norm")) @ get("attention.qkv")
            q, k, v = (part.view(batch, length, self.heads, self.head).transpose(1, 2) for part in qkv.chunk(3, -1))
            start = 0 if cache is None or cache[i] is None else cache[i][0].shape[2]
            q = self.turn(rms(q, get("attention.query_norm")), start)
            k = self.turn(rms(k, get("attention.key_norm")), start)
            if cache is not None:
                if cache[i] is not None:
                    k, v = torch.cat((cache[i][0], k), 2), torch.cat((cache[i][1], v), 2)
                cache[i] = (k, v)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=start == 0)
            x = x + mixed.transpose(1, 2).reshape(batch, length, width) @ get("attention.out")
            up = F.gelu(rms(x, get("mlp.norm")) @ get("mlp.up"), approximate="tanh")
            x = x + up @ get("mlp.down")
        return rms(x, self.get("norm")) @ self.get("embedding")[:256].T


def leaves(logits):
    """Sixteenths of a nat in one byte (mixture.md 2.1)."""
    return (16 * -F.log_softmax(logits, -1) + 0.5).clamp(0, 255).to(torch.uint8)


class Course:
    """A model in training, and what is timed of it."""

    def __init__(self, text, checkpoint, seed, total, shape):
        with open(text, "rb") as file:
            self.text = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).long()
        self.seed, self.total, self.number = seed, total, 0
        self.width, self.layers, heads, self.context = shape
        self.model = Transformer(self.width, self.layers, heads, self.context)
        self.model.load(checkpoint)
        sizes = self.model.sizes
        decaying = [name for name, (shape, _) in sizes.items() if len(shape) == 2 and name != "embedding"]
        groups = [
            {"params": [self.model.get(name) for name in decaying], "weight_decay": 0.1},
            {"params": [self.model.get(name) for name in sizes if name not in decaying], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8, fused=True)

    def step(self):
        """One step of 32 windows; gives its loss in bits per byte."""
        windows = []
        for window in range(32):
            draw = Random(self.seed, (WINDOWS_PART, self.number, window))
            start = draw.below(len(self.text) - self.context + 1)
            windows.append(self.text[start : start + self.context])
        targets = torch.stack(windows)
        tokens = F.pad(targets[:, :-1], (1, 0), value=256)
        cosine = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(self.number / self.total, 1.0)))
        rate = 3e-3 * math.sqrt(64 / self.width) * min((self.number + 1) / 50, 1.0) * cosine
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = F.cross_entropy(self.model(tokens).reshape(-1, 256), targets.reshape(-1))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.number += 1
        return loss.item() / math.log(2)

    @torch.inference_mode()
    def score(self):
        """The leaves of 64 contexts."""
        contexts = torch.stack([self.text[i * 500 : i * 500 + self.context - 1] for i in range(64)])
        return leaves(self.model(F.pad(contexts, (1, 0), value=256)))

    @torch.inference_mode()
    def generate(self):
        """The logits of 200 bytes, read one by one."""
        cache = [None] * self.layers
        tokens = F.pad(self.text[None, :199], (1, 0), value=256)
        return torch.cat([self.model(tokens[:, t : t + 1], cache) for t in range(200)], 1)


course = None


def load(**given):
    global course
    course = Course(**given)


def answer(who, checkpoint, file):
    """Writes the leaves of `score` or `generate` with the weights of a checkpoint."""
    course.model.load(checkpoint)
    found = course.score() if who == "score" else leaves(course.generate())
    with open(file, "wb") as out:
        out.write(found.numpy().tobytes())


def time_of(who, seconds):
    return timed(getattr(course, who), seconds)


serve(
    {
        "versions": lambda: {"torch": torch.__version__},
        "threads": lambda count: torch.set_num_threads(count),
        "load": load,
        "losses": lambda steps: [course.step() for _ in range(steps)],
        "answer": answer,
        "time": time_of,
    }
)
