"""The tables, as Markdown, from what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from experiments.speed.ratios import Spread, rates, ratio
from experiments.speed.roster import TITLES
from experiments.speed.workload import Setting

TARGETS = {"float32": {"b": 12.0, "c": 2.5}, "bfloat16": {"b": 25.0, "c": 5.0}}  # × faster, eight strategies, two cores
LIMIT = 1.25  # × the bare forward passes
SHARE = 0.70  # of the rows asked for, in the temperature grid
NAMES = {"eight": "Eight strategies", "grid": "Temperature grid"}


def markdown(rows: Iterable[Sequence[str]], right: int = 1) -> str:
    """The first row is the head; columns from `right` on are flushed right."""
    head, *body = [[str(cell).replace("|", r"\|") for cell in row] for row in rows]
    rule = ["---" if i < right else "--:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])


def sweep(result: dict[str, Any]) -> str:
    """Every contender of one sweep: its rate, the time of the whole sweep at that rate, and how far ours is from it."""
    found = rates(result["laps"])
    ours, setting = found["f"], result["setting"]
    targets = TARGETS.get(setting["dtype"], {}) if result["sweep"] == "eight" and aimed(setting) else {}
    rows = [["contender", "measured on", "tokens/s", "whole sweep, s", "one sweep of ours is × faster", "target"]]
    for key, each in found.items():
        faster = ratio(ours, each)
        target, shown = "", "" if key == "f" else faster.show()
        if key in targets:
            target = f"≥ {targets[key]:g}: {verdict(faster.middle >= targets[key])}"
        if key == "g":
            longer = ratio(each, ours)
            shown = f"takes {longer.show(2)} × as long"
            target = f"≤ {LIMIT:g}: {verdict(longer.middle <= LIMIT)}" if aimed(setting) else ""
        total = Spread.of([result["generated"] / rate for rate in each])
        rows.append([TITLES[key], result["parts"][key], Spread.of(each).show(), total.show(), shown, target])
    name = f"### {NAMES[result['sweep']]}, {kind(setting)}"
    return f"{name}\n\n{result['work']}\n\n{markdown(rows, right=2)}\n\n{counts(result)}\n"


def counts(result: dict[str, Any]) -> str:
    """Rows asked for and extended; which texts agree; entropies."""
    asked, extended = result["rows"]["asked"], result["rows"]["extended"]
    line = f"Rows asked for {asked:,}, extended {extended:,}: {extended / asked:.0%}"
    if result["sweep"] == "grid" and aimed(result["setting"]):
        line += f" (target ≤ {SHARE:.0%}: {verdict(extended <= SHARE * asked)})"
    line += f"; prompts asked for {result['rows']['texts']:,}, prefilled {result['rows']['prefilled']:,}."
    for name, others in result["agreement"].items():
        line += f"\nTexts of {name} equal to those of {TITLES['c']}: "
        line += ", ".join(f"{TITLES[key]} {share}" for key, share in others.items()) + "."
    least, greatest = (pick(result["entropy"].items(), key=lambda item: item[1]) for pick in (min, max))
    line += f"\nMean entropy of the next token, nats: {result['start']:.2f} after the prompts; along the texts from "
    return f"{line}{least[1]:.1f} ({least[0]}) to {greatest[1]:.1f} ({greatest[0]})."


def strategies(result: dict[str, Any]) -> str:
    """Strategy by strategy: batches of others against one job of ours."""
    rows = [["strategy", "generate", "CTranslate2", "harness, a job", "× generate", "× CTranslate2", "target"]]
    for name in dict.fromkeys(x["lap"] for x in result["laps"] if x["contender"] == "e"):
        found = rates(result["laps"], name)
        shown = [Spread.of(found[key]).show() if key in found else "–" for key in "cde"]
        against = [ratio(found["e"], found[key]) if key in found else None for key in "cd"]
        target = f"> 1: {verdict(against[1].middle > 1)}" if against[1] and aimed(result["setting"]) else ""
        rows.append([name, *shown, *("–" if x is None else x.show(2) for x in against), target])
    return f"### Strategy by strategy, {kind(result['setting'])}: tokens/s\n\n{markdown(rows)}\n"


def memory(peaks: Sequence[dict[str, Any]], setting: dict[str, Any]) -> str:
    """Peak memory of each contender."""
    device = any("device" in p for p in peaks)
    rows = [["contender", "model loaded, MiB", "peak, MiB", "more, MiB"] + ["peak on the device, MiB"] * device]
    for p in peaks:
        row = [TITLES[p["contender"]], f"{p['loaded']:,}", f"{p['peak']:,}", f"{p['peak'] - p['loaded']:,}"]
        rows.append(row + ([f"{p['device']:,}"] if device else []))
    return f"### Peak memory, eight strategies, {kind(setting)}\n\n{markdown(rows)}\n"


def price(found: Sequence[dict[str, Any]], setting: dict[str, Any]) -> str:
    """The engines side by side."""
    seconds = {name: [f["seconds"] for f in found if f["engine"] == name] for name in ("fast", "exact")}
    longer = Spread.of([e / f for e, f in zip(seconds["exact"], seconds["fast"], strict=True)])
    rows = [["engine", "max_rows", "s"]]
    rows += [[name, str(found[0]["rows"]), Spread.of(each).show()] for name, each in seconds.items()]
    return (
        f"### The price of exactness, {kind(setting)}\n\n{markdown(rows)}\n\n"
        f"`engine=exact` takes {longer.show(2)} × as long.\n"
    )


def many(found: Sequence[dict[str, Any]]) -> str:
    """Memory against the number of requests."""
    head = ["requests", "max_rows", "tokens", "s", "requests listed, MiB", "peak while decoding, MiB"]
    rows = [[*head, "peak with the file merged, MiB", "after each tenth, MiB"]]
    for x in found:
        numbers = [x["requests"], x["max_rows"], x["tokens"], x["seconds"], x["loaded"], x["decoding"], x["peak"]]
        rows.append([*(f"{n:,.0f}" for n in numbers), " ".join(map(str, x["path"]))])
    return f"### Memory against the number of requests\n\n{markdown(rows, right=0)}\n"


def linear(found: Sequence[dict[str, Any]], setting: dict[str, Any]) -> str:
    """Cost against prompts, tokens and strategies."""
    rows = [["varied", "value", "s", "rows extended"]]
    for panel, x in dict.fromkeys((f["panel"], f["x"]) for f in found):
        some = [f for f in found if (f["panel"], f["x"]) == (panel, x)]
        rows.append([panel, str(x), Spread.of([f["seconds"] for f in some]).show(2), f"{some[-1]['extended']:,}"])
    return f"### Cost against prompts, tokens and strategies, {kind(setting)}\n\n{markdown(rows)}\n"


def kind(setting: dict[str, Any]) -> str:
    """What sets one run apart from another, in a few words."""
    usual = Setting()
    words = [setting["dtype"], setting["device"], *(["even distributions"] if setting["flat"] else [])]
    if setting["activation"] != usual.activation:
        words.append(setting["activation"])
    if tuple(setting["lengths"]) != usual.lengths:
        words.append("prompts of {} to {} tokens".format(*setting["lengths"]))
    return ", ".join(words)


def aimed(setting: dict[str, Any]) -> bool:
    """Whether the targets are meant for this setting."""
    keys = ("layers", "width", "vocab", "activation", "flat", "device", "threads", "prompts", "lengths", "tokens")
    usual = asdict(Setting())
    return all(list(setting[k]) == list(usual[k]) if k == "lengths" else setting[k] == usual[k] for k in keys)


def verdict(met: bool) -> str:
    """In a word."""
    return "met" if met else "**missed**"


def environment(found: dict[str, Any]) -> str:
    """In a line."""
    packages = ", ".join(f"{k} {v}" for k, v in found["packages"].items() if v)
    flags = ", ".join(found["instructions"])
    device = f"{found['device']}; " if "device" in found else ""
    commit = found["git"]["commit"][:10] + (" and changes" if found["git"]["dirty"] else "") if found["git"] else "none"
    return (
        f"{device}{found['processor']} ({flags}), {found['threads']} threads on {found['cores']} cores, "
        f"OMP_WAIT_POLICY={found['OMP_WAIT_POLICY']}; Python {found['python']}, {packages}; commit {commit}."
    )
