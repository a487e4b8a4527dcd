"""PyTorch's times for the products and attentions of `azulejo bench`, as JSON for its option --peer.

    python3 bench/torch_rival.py > torch.json && ./azulejo bench --backend cuda --peer torch.json

Names are those of the bench's figures, "matmul MxNxK type" and "attention BATCHxHEADSxQUERIESxKEYSxWIDTH type"; bf16 attention stands there for whoever
reads the file, as the bench has none. Products of f32 are of f32 (no TF32). Without PyTorch or a GPU it says so and ends with status 3.
"""
import json
import statistics
import sys

MATMUL = ["512x1024x1024", "512x4096x1024", "512x1024x4096", "4096x1024x1024", "4096x4096x1024", "2048x1024x1024", "2048x4096x1024", "2048x1024x4096"]
ATTENTION = ["2x16x256x77x64", "2x16x256x256x64", "16x16x256x256x64", "2x16x1024x1024x64", "16x20x1x576x64"]
CALLS = 50
SAMPLES = 9

try:
    import torch
except ImportError as reason:
    sys.exit(print(f"PyTorch is not installed here: {reason}", file=sys.stderr) or 3)
if not torch.cuda.is_available():
    sys.exit(print("PyTorch sees no GPU here", file=sys.stderr) or 3)

torch.backends.cuda.matmul.allow_tf32 = False
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def seconds(call):
    """Of one call on the device: the median of samples between two events, after a warm-up; the calls are a CUDA graph, so that launching them is no part of it."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CALLS):
            call()
    samples = []
    for _ in range(SAMPLES + 1):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        samples.append(start.elapsed_time(end) / 1e3 / CALLS)
    return statistics.median(samples[1:])


def random(dtype, *sizes):
    return (torch.rand(*sizes, device="cuda") * 2 - 1).to(dtype)


times = {}
with torch.inference_mode():
    for sizes in MATMUL:
        m, n, k = map(int, sizes.split("x"))
        for name, dtype in TYPES.items():
            x, weight = random(dtype, m, k), random(dtype, n, k)
            times[f"matmul {sizes} {name}"] = seconds(lambda: torch.nn.functional.linear(x, weight))
    for sizes in ATTENTION:
        batch, heads, queries, keys, width = map(int, sizes.split("x"))
        for name in ("f32", "bf16"):
            q, k, v = (random(TYPES[name], batch, heads, rows, width) for rows in (queries, keys, keys))
            times[f"attention {sizes} {name}"] = seconds(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v))

print(json.dumps({"what": f"PyTorch {torch.__version__}", "device": torch.cuda.get_device_name(), "seconds": times}, indent=2))
