import re


def slug(title: str, longest: int = 30) -> str:
    text = title.lower().replace("'", "").replace("&", " and ")
    words = re.findall(r"[a-z0-9]+", text)
    if not words:
        return "untitled"
    made = words[0][:longest]
    for word in words[1:]:
        if len(made) + 1 + len(word) > longest:
            break
        made += f"-{word}"
    return made
