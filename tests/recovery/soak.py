"""`make soak`: hundreds of kills at random moments while a slow chat agent and a scripted one work. JSON at the end; exit code 1 when anything is wrong.

Each round is a working folder of its own with two PRDs: one answered by a server on loopback that counts what it is asked, one by a script. It is
killed again and again until it is done, and then compared with an undisturbed one.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.agents.chat_server import Reply, serve
from tests.conftest import Workplace
from tests.recovery import kills
from tests.recovery.test_kills import AGENT, PRD

SERVED = PRD.replace("title: Tiles\n", "title: Bricks\nid: bricks\nagents: {code: [served]}\n").replace("Tiles", "Bricks")
SERVED = SERVED.replace("Module: tiles.py", "Module: bricks.py").replace("tiles(rows)", "bricks(rows)")
RIGHT = "```python bricks.py\ndef bricks(rows):\n    return rows * 4\n```\n"


def make(root: Path, url: str) -> Workplace:
    place = Workplace(root)
    place.prd("tiles", PRD)
    place.prd("bricks", SERVED)
    (root / "script.py").write_text(AGENT, encoding="utf-8")
    agents = {"script": {"type": "scripted", "script": "script.py"}, "served": {"type": "chat", "url": url, "model": "m"}}
    place.configure(agents=agents, gates={"mutants": 0})
    return place


def round_of(folder: Path, dice: random.Random, most: int) -> tuple[kills.End, int, list[str]]:
    """(the end, kills, what is wrong) of one working folder."""
    wrong: list[str] = []
    with serve(Reply(RIGHT, wait=0.4, usage={"prompt_tokens": 50, "completion_tokens": 9})) as server:
        place = make(folder, server.url)
        killed = 0
        while killed < most and kills.kill_after(place, dice.uniform(0.2, 4.0)):
            killed += 1
            if left := kills.orphans(place):
                wrong.append(f"left running: {left}")
        if (code := kills.finish(place)) != 0:
            wrong.append(f"the last run ended with {code}: {place.log()[-2000:]}")
        asked = len(server.requests)
    try:
        kills.check_paid(place)
    except AssertionError as error:
        wrong.append(f"turns: {error}")
    states: Counter[str] = sum((states for key, states in kills.paid(place)["states"].items() if key.startswith("bricks/")), Counter())
    if asked > states["settled"] + states["lost"]:
        wrong.append(f"the server was asked {asked} times, {dict(states)} are booked")
    if (verified := place.command("verify", "--quick", timeout=300)).returncode:
        wrong.append(f"verify: {verified.stdout[-1000:]}")
    if "Traceback" in place.log():
        wrong.append(f"a traceback: {place.log()[-2000:]}")
    return kills.end_of(place), killed, wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.recovery.soak", description="Kill runs at random moments, and compare the ends.")
    parser.add_argument("--kills", type=int, default=300, help="in all (default: 300)")
    parser.add_argument("--each", type=int, default=10, help="most kills of one working folder (default: 10)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dice, killed, rounds, wrong = random.Random(options.seed), 0, 0, []
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        undisturbed, _, found = round_of(Path(name) / "undisturbed", dice, 0)
        wrong += found
        while killed < options.kills:
            rounds += 1
            end, more, found = round_of(Path(name) / str(rounds), dice, min(options.each, options.kills - killed))
            killed += more
            if end != undisturbed:
                found.append(f"another end: {end} instead of {undisturbed}")
            wrong += [f"round {rounds}: {what}" for what in found]
            print(f"{killed} kills, {rounds} rounds, {len(wrong)} wrong", file=sys.stderr, flush=True)
    result: dict[str, Any] = {"kills": killed, "rounds": rounds, "wrong": wrong, "seconds": round(time.monotonic() - started), "seed": options.seed}
    print(json.dumps(result, indent=2))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
