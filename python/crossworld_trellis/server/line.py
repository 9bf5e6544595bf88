"""The line in front of the worker: bounded, and fair to clients that want little.

Clients take turns; each client's own entries keep their order. Not safe for several threads by
itself.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

Entry = TypeVar("Entry")


class Line(Generic[Entry]):
    """Entries of clients, waiting for their turn."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.share = (capacity + 1) // 2
        """Most entries of one client, so that no client keeps all others out."""
        self._clients: OrderedDict[str, deque[Entry]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._clients.values())

    def room(self, client: str) -> Literal["free", "full", "share"]:
        """Whether a client may add an entry, or why not."""
        if len(self) >= self.capacity:
            return "full"
        return "share" if len(self._clients.get(client, ())) >= self.share else "free"

    def push(self, client: str, entry: Entry) -> None:
        """Adds an entry behind the client's others."""
        self._clients.setdefault(client, deque()).append(entry)

    def pop(self) -> Entry | None:
        """The next entry; its client's turn comes again after all others'."""
        if not self._clients:
            return None
        return self._take(next(iter(self._clients)))

    def pop_alike(self, limit: int, alike: Callable[[Entry, Entry], bool]) -> list[Entry]:
        """The next entry, and up to `limit` - 1 others that are like it and stand foremost of their
        client's; who has none of these keeps its turn. Nobody's entries change their order."""
        first = self.pop()
        if first is None:
            return []
        taken = [first]
        found = True
        while found:
            found = False
            for client in list(self._clients):
                if len(taken) < limit and alike(first, self._clients[client][0]):
                    taken.append(self._take(client))
                    found = True
        return taken

    def remove(self, entry: Entry) -> bool:
        """Takes an entry out; false where it is not in the line."""
        for client, entries in self._clients.items():
            if entry in entries:
                entries.remove(entry)
                if not entries:
                    del self._clients[client]
                return True
        return False

    def clear(self) -> list[Entry]:
        """Takes everything out."""
        entries = self.order()
        self._clients.clear()
        return entries

    def order(self) -> list[Entry]:
        """All entries as they would be popped one by one if nobody came."""
        queues = [list(entries) for entries in self._clients.values()]
        longest = max(map(len, queues), default=0)
        return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]

    def _take(self, client: str) -> Entry:
        """A client's foremost entry; its next turn comes after all others'."""
        entries = self._clients.pop(client)
        entry = entries.popleft()
        if entries:
            self._clients[client] = entries
        return entry
