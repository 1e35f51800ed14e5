"""One thread a process: the nets here are tiny, and threads that wait for each other cost more than they gain."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
