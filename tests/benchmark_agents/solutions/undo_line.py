class Line:
    def __init__(self) -> None:
        self.text = ""
        self.undone: list[str] = []
        self.before: list[str] = []

    def change(self, text: str) -> None:
        if text == self.text:
            return
        self.before = [*self.before, self.text][-3:]
        self.undone = []
        self.text = text

    def type(self, more: str) -> None:
        self.change(self.text + more)

    def erase(self, count: int) -> int:
        if count < 0:
            raise ValueError("count must not be negative")
        removed = min(count, len(self.text))
        self.change(self.text[: len(self.text) - removed])
        return removed

    def undo(self) -> bool:
        if not self.before:
            return False
        self.undone.append(self.text)
        self.text = self.before.pop()
        return True

    def redo(self) -> bool:
        if not self.undone:
            return False
        self.before.append(self.text)
        self.text = self.undone.pop()
        return True
