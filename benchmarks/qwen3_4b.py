"""The linear layers of Qwen3-4B that adapters go on: for benchmarks of what depends on shapes alone."""

LAYERS = 36
SHAPES = {
    "self_attn.q_proj": (4096, 2560),
    "self_attn.k_proj": (1024, 2560),
    "self_attn.v_proj": (1024, 2560),
    "self_attn.o_proj": (2560, 4096),
    "mlp.gate_proj": (9728, 2560),
    "mlp.up_proj": (9728, 2560),
    "mlp.down_proj": (2560, 9728),
}
MODULES = [(f"model.layers.{layer}.{name}", shape) for layer in range(LAYERS) for name, shape in SHAPES.items()]
"""All of them by name, with (out, in)."""
