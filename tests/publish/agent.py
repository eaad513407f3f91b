"""An agent, as tests play it: the client of the official SDK."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

from mcp import Client


class Agent:
    """A client that stays connected while tests ask it one after the other."""

    def __init__(self, of: Any) -> None:
        self.asked: queue.Queue = queue.Queue()
        self.told: queue.Queue = queue.Queue()
        threading.Thread(target=lambda: asyncio.run(self._live(of)), daemon=True).start()

    async def _live(self, of: Any) -> None:
        async with Client(of) as client:
            while task := await asyncio.to_thread(self.asked.get):
                try:
                    self.told.put(await task(client))
                except Exception as error:
                    self.told.put(error)

    def does(self, task: Callable[[Client], Any]) -> Any:
        self.asked.put(task)
        found = self.told.get(timeout=60)
        if isinstance(found, Exception):
            raise found
        return found

    def ask(self, tool: str, **words: Any) -> dict:
        result = self.does(lambda client: client.call_tool(tool, words))
        assert not result.is_error, result.content
        return result.structured_content

    def refusal(self, tool: str, **words: Any) -> str:
        result = self.does(lambda client: client.call_tool(tool, words))
        assert result.is_error, result.structured_content
        return result.content[0].text

    def leaves(self) -> None:
        self.asked.put(None)
