"""A program that waits: tests/faults/test_kills.py runs it below a process that is killed."""

import time

if __name__ == "__main__":
    time.sleep(600)
