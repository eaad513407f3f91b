"""`flowhouse`, which asks a server that does not answer again at once, as often as ever.

python -m tests.impatient refresh
"""

from extract.api import Api
from orchestration.cli import main

Api._wait = lambda *_: 0.0

if __name__ == "__main__":
    main()
