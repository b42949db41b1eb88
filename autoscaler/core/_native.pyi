"""Compiled with the package where there is a C compiler; without it the Python beside does the same (pagelayout.py,
engine/nodeseries.py).

`seed` keys the hash (0 to 2**64 - 1); integers in blocks of bytes are the machine's. ValueError for what only a mistake
of the caller's makes; whatever a kubelet may write is no error.
"""

def texts(page: bytes, seed: int) -> tuple[int, list[bytes]]:
    """The hash of everything in `page` that is no number, and the text before each number in its line.

    A number stands with its time behind the last `} ` of a line, or behind the first blank of one without labels, and
    is at most 64 bytes long. Comments have none.
    """

def read(page: bytes, plan: bytes, seed: int) -> tuple[bytes, bytes] | None:
    """The samples of a page, and the numbers with the code -1, unread, a line each; None when Python must read it.

    `plan`: the hash of `texts`, how many samples and how many numbers there are (u64, i32, i32), and for each number a
    code (i32): 0 = passed over, -1 = handed over, -2 = must be 0, else 1 + 4 * sample + 1 (seconds of CPU, and a time),
    2 (bytes of memory), 3 (start in seconds). A sample is four i64: time in ns, CPU in ns, bytes, start in ns.
    """

def take(
    samples: bytes, owners: tuple[bytearray, ...], offsets: bytes, received: int, most_cpu: int, most_memory: int
) -> tuple[int, list[int]]:
    """Take the first samples of `read` into a row each (series.Row), which begins in `owners` at `offsets` (i32).

    The time of the oldest that was taken, `received` at most, and the indices of the samples that `rates.next_rate`
    would give -1 for: their rows are as they were.
    """
