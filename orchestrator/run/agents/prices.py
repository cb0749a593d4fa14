"""What a turn costs: what is configured, else a public list of prices (genai-prices), else unknown. A model on this machine costs nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from urllib.parse import urlsplit

from orchestrator.config import ChatAgent, Most, Price
from orchestrator.model import Usage


def priced(usage: Usage, config: ChatAgent, model: str) -> Usage:
    """The usage with its price; one that the endpoint gave stays. Unknown tokens have an unknown price."""
    if usage.usd is not None or usage.input_tokens is None or usage.output_tokens is None:
        return usage
    return replace(usage, usd=usd(config, model, usage.input_tokens, usage.output_tokens))


def usd(config: ChatAgent, model: str, input_tokens: int, output_tokens: int) -> float | None:
    """US dollars of so many tokens; None when no price is known."""
    if config.price is not None:
        return (input_tokens * config.price.input + output_tokens * config.price.output) / 1e6
    if is_local(config.url):
        return 0.0
    each = _listed(model, config.url)
    return None if each is None else input_tokens * each[0] + output_tokens * each[1]


@cache
def _listed(model: str, url: str) -> tuple[float, float] | None:
    """Dollars for one token of input and of output, from the list that the library brings; nothing is fetched.

    The list is asked for 10,000 tokens of each: where a price depends on the length, it is that of a prompt of this length.
    """
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    if not model:
        return None
    for address in (url, None):
        try:
            found = calc_price(Tokens(input_tokens=10_000, output_tokens=10_000), model, provider_api_url=address)
        except LookupError:
            continue
        return float(found.input_price) / 10_000, float(found.output_price) / 10_000
    return None


def is_local(url: str) -> bool:
    """An address of this machine: no proxy of the environment is asked for it, and it costs nothing."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def most(given: Most) -> Usage:
    """What a turn of a program is booked at: what is configured; None is what budgets say of unknown turns."""
    return Usage(given.tokens, None if given.tokens is None else 0, given.usd)


def of_program(usage: Usage, price: Price | None) -> Usage:
    """The usage with its price; one that the program told stays."""
    if price is None or usage.usd is not None or usage.input_tokens is None or usage.output_tokens is None:
        return usage
    return replace(usage, usd=(usage.input_tokens * price.input + usage.output_tokens * price.output) / 1e6)
