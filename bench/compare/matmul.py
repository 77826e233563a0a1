"""Matrix products by NumPy (OpenBLAS) and PyTorch, on factors that the other side wrote to files."""

import numpy
import threadpoolctl
import torch

from rival import serve, timed

STORED = {"f32": numpy.float32, "f16": numpy.uint16, "bf16": numpy.uint16, "int8": numpy.int8}
TORCH = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "int8": torch.int8}
work = {}


def versions():
    blas = next(pool for pool in threadpoolctl.threadpool_info() if pool["internal_api"] == "openblas")
    return {
        "numpy": numpy.__version__,
        "openblas": f"{blas['version']} {blas['architecture']}, {blas['num_threads']} threads",
        "torch": torch.__version__,
        "torch built with": "MKL" if torch.backends.mkl.is_available() else "no MKL",
    }


def load(dtype, n, a, b):
    """Reads both factors; gives the names of those who can multiply them."""
    left, right = (numpy.fromfile(name, STORED[dtype]).reshape(n, n) for name in (a, b))
    tensors = [torch.from_numpy(stored.copy()).view(TORCH[dtype]) for stored in (left, right)]
    work.clear()
    if dtype == "f32":
        work["numpy"] = lambda: left @ right
    work["torch"] = (lambda: torch._int_mm(*tensors)) if dtype == "int8" else (lambda: tensors[0] @ tensors[1])
    return list(work)


def answer(who, file):
    """Writes the product as f32 or i32."""
    product = work[who]()
    if isinstance(product, torch.Tensor):
        product = product.to(torch.int32 if product.dtype == torch.int32 else torch.float32).numpy()
    product.tofile(file)


def threads(count):
    torch.set_num_threads(count)
    threadpoolctl.threadpool_limits(count)


with torch.inference_mode():
    serve(
        {
            "versions": versions,
            "threads": threads,
            "load": load,
            "answer": answer,
            "time": lambda who, seconds: timed(work[who], seconds),
        }
    )
