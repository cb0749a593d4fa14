class WaitingRoom:
    def __init__(self) -> None:
        self.given = 0
        self.urgent: list[str] = []
        self.normal: list[str] = []

    def take(self, urgent: bool = False) -> str:
        letter, number = divmod(self.given, 99)
        ticket = f"{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[letter % 26]}{number + 1:02}"
        self.given += 1
        (self.urgent if urgent else self.normal).append(ticket)
        return ticket

    def call(self) -> str:
        if not self.urgent and not self.normal:
            raise LookupError("nobody is waiting")
        return (self.urgent or self.normal).pop(0)

    def leave(self, ticket: str) -> int:
        for queue in (self.urgent, self.normal):
            if ticket in queue:
                queue.remove(ticket)
                return self.waiting()
        raise LookupError(f"{ticket} is not waiting")

    def waiting(self) -> int:
        return len(self.urgent) + len(self.normal)
