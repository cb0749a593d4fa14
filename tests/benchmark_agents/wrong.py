"""Wrong solutions of the benchmark's own PRDs: the right one with one rule broken.

PRD → what is wrong → (text of `solutions/<module>.py`, what stands there instead).
"""

WRONG: dict[str, dict[str, tuple[str, str]]] = {
    "bill-split": {
        "cents that are left go to the first": ("-(cents * shares[place] % total)", "0"),
        "a refund is rounded like a bill": ("    if cents < 0:\n        return [-part for part in split(-cents, shares)]\n", ""),
        "a negative share hides behind its opposite": ("any(share < 0 for share in shares)", "sum(shares) < 0"),
    },
    "due-dates": {
        "without days a holiday will do": ("while not is_open(day)", "while day.weekday() > 4"),
        "New Year is a working day": (", (1, 1)}", "}"),
        "Saturday is a working day": ("day.weekday() < 5", "day.weekday() < 6"),
    },
    "durations": {
        "capital letters are read": (", wanted)\n    if found", ", wanted.lower())\n    if found"),
        "a zero between two units is named": ("if number:", "if number or parts:"),
        "no time at all is no text": (' or "0s"', ""),
    },
    "ranking": {
        "capital letters come first": ("item[0].lower()", "item[0]"),
        "who did not play stays in the order given": ("key=str.lower", "key=lambda name: 0"),
        "shared places take one number": (
            "sum(other > score for other in played.values())",
            "len({other for other in played.values() if other > score})",
        ),
    },
    "releases": {
        "numbers of previews are compared as text": ("int(found[3] or 0)", 'found[3] or "0"'),
        "the last of equal ones is taken": ("each[0] > best[0]", "each[0] >= best[0]"),
        "a v in front is bad": ('"v?', '"'),
    },
    "slugs": {
        "an and sign only parts words": ('" and "', '" "'),
        "an underscore stays": ("[a-z0-9]+", "[a-z0-9_]+"),
        "a word that fits follows one that does not": ("break", "continue"),
    },
    "text-table": {
        "yes and no stand at the right": (" and not isinstance(value, bool)", ""),
        "lines end in blanks": (".rstrip()", ""),
        "fractions stand at the left": ("int | float", "int"),
    },
    "ticket-fare": {
        "reduced prices are rounded to the nearest ten": ("-(-full * percent // 1000) * 10", "(full * percent + 500) // 1000 * 10"),
        "fifteen is grown up": ("age < 16", "age < 15"),
        "a small child may ride through no zone": ("zones < 1:", "zones < 1 and age > 5:"),
    },
    "undo-line": {
        "everything can be undone": ("[-3:]", ""),
        "typing nothing is a change": ("        if text == self.text:\n            return\n", ""),
        "what was brought back cannot be undone": ("        self.before.append(self.text)\n", ""),
    },
    "waiting-room": {
        "numbers are given again": ("divmod(self.given, 99)", "divmod(self.waiting(), 99)"),
        "a letter has a hundred numbers": ("99)", "100)"),
        "the last urgent ticket is called first": ("(self.urgent or self.normal).pop(0)", "self.urgent.pop() if self.urgent else self.normal.pop(0)"),
    },
}
