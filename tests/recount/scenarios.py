"""Recounts of scenarios: what they are drawn from and what follows from them, not the drawing.

What a simulation makes of its random numbers is held against a plain one in
tests/flow/test_scenarios.py; here stand the observed measures, from the pieces of each item's life,
the reasons why there is no result, and the money.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta

from tests.recount.constraint import station_of
from tests.recount.registry import Row, Tables, recounts
from tests.recount.stocks import Piece, begins, local_day, pieces, second

WEEKS, DAYS, TRIALS, SEED, LEAST = 26, 364, 40, 20240229, 30
DAY, WEEK = 86400, 7 * 86400
MEASURES = ("flow_days", "finished_a_week", "items_in_flow", "queued_items")
DRAWN = "drawn: tests/flow/test_scenarios.py holds the simulation against a plain one"
ASSUMED = {
    "as_is": "the coming year is like the weeks that were drawn from",
    "capacity": "who is added works as fast as the others from the first day on",
    "faster": "all work at the stage takes as much less, and nothing else changes",
    "no_wait": "nothing takes the place of what is removed, and no more comes back",
    "batch_size": "a batch goes on when it is whole, however long that takes",
    "wip_limit": "work takes as long as before; what waits outside counts as well",
}


class Line:
    """What happened in a line in the weeks before the week of as_of."""

    def __init__(self, lives: dict[str, list[Piece]], homes: dict[str, Row], now: object) -> None:
        zone = next(piece.zone for life in lives.values() for piece in life)
        today = local_day(now, zone)  # type: ignore[arg-type]
        self.monday = today - timedelta(days=today.weekday())
        self.end = begins(self.monday, zone)
        self.start = self.end - WEEKS * WEEK
        self.came, self.flows, self.inside = 0, [], 0
        self.left: Counter = Counter()
        self.seen: dict[str, bool] = {}
        for life in lives.values():
            chains: list[list[Piece]] = []
            for piece in sorted(life, key=lambda piece: (piece.start, piece.seq)):
                if chains and chains[-1][-1].end == piece.start:
                    chains[-1].append(piece)
                else:
                    chains.append([piece])
            for chain in chains:
                self.count(chain, homes)

    def count(self, chain: list[Piece], homes: dict[str, Row]) -> None:
        """Count a way of an item through the line, from when it came to when it left it."""
        came, end = second(chain[0].start), chain[-1].end
        left = None if end is None else second(end)
        if came >= self.end:
            return
        self.came += came >= self.start
        if left is not None and self.start <= left < self.end:
            self.flows.append(left - came)
        self.inside += max(0, min(left or self.end, self.end) - max(came, self.start))
        # Parts of it at one station, each beginning with the queue.
        parts: list[list[Piece]] = []
        for piece in chain:
            is_queue = piece.stage["flow_state"] == "wait"
            here = homes[piece.stage["stage_key"]]["stage_key"]
            before = parts[-1][-1] if parts else None
            if (
                before is not None
                and homes[before.stage["stage_key"]]["stage_key"] == here
                and not (is_queue and before.stage["flow_state"] == "active")
            ):
                parts[-1].append(piece)
            else:
                parts.append([piece])
        for part in parts:
            home = homes[part[0].stage["stage_key"]]
            is_gate = home["flow_state"] == "wait"
            gone = None if part[-1].end is None else second(part[-1].end)
            if second(part[0].start) >= self.end or (gone is not None and gone <= self.start):
                continue
            self.seen[home["stage"]] = is_gate
            worked = is_gate or any(piece.stage["flow_state"] == "active" for piece in part)
            if gone is not None and self.start <= gone < self.end and worked:
                self.left[home["stage"]] += 1

    @property
    def reason(self) -> str | None:
        """Return why it is not simulated."""
        few = self.came < LEAST or min((self.left[name] for name in self.seen), default=0) < LEAST
        return "fewer_than_30_items" if few else None

    def observed(self, measure: str) -> float | None:
        """Return a measure of the weeks."""
        if measure == "flow_days" and self.flows:
            return round(sum(self.flows) / len(self.flows) / DAY, 6)
        if measure == "finished_a_week":
            return round(len(self.flows) / WEEKS, 6)
        if measure == "items_in_flow":
            return round(self.inside / (self.end - self.start), 6)
        return None


def refused(line: Line, scenario: Row, busy: dict[str, int]) -> str | None:
    """Return why a scenario of a line that is simulated is not."""
    change, stage = scenario["change"], scenario["stage"]
    if change in ("as_is", "wip_limit"):
        return None
    if stage not in line.seen:
        return "nothing_came_to_the_stage"
    if change != "batch_size" and line.seen[stage] != (change == "no_wait"):
        return "stage_is_a_gate" if line.seen[stage] else "stage_is_no_gate"
    size = max(1, busy.get(f"{scenario['workflow']}:{stage}") or 1)
    return (
        "nobody_would_be_left" if change == "capacity" and size + scenario["amount"] < 1 else None
    )


def decided(scenario: Row, rate: Row | None, changes: Row) -> tuple[list[float | None], str | None]:
    """Return the gains and what they say."""
    gains: list[float | None] = [None] * 3
    if rate and changes["change_low"] is not None:
        ends = [changes[f"change_{end}"] for end in ("high", "median", "low")]
        gains = [round(-end * DAYS * rate["cost_per_item_day"], 6) for end in ends]
    if scenario["change"] == "as_is":
        return gains, None
    low, _, high = gains
    is_known = low is not None and high is not None and scenario["cost"] is not None
    if not is_known or rate is None or rate["currency"] != scenario["currency"]:
        return gains, "not_known"
    if low >= scenario["cost"]:
        return gains, "worth_it"
    return gains, "unsure" if high >= scenario["cost"] else "not_worth_it"


@recounts(
    "metric_scenarios",
    as_is=DRAWN, value_low=DRAWN, value_median=DRAWN, value_high=DRAWN,
    change_low=DRAWN, change_median=DRAWN, change_high=DRAWN,
)  # fmt: skip
def scenarios(tables: Tables) -> Iterator[Row]:
    """Line by line, the one as it is first."""
    workflows: dict[str, list[Row]] = defaultdict(list)
    for stage in tables.rows("dim_stages"):
        workflows[stage["workflow"]].append(stage)
    asked: dict[tuple, list[Row]] = defaultdict(list)
    for row in tables.rows("scenarios"):
        place = row["value_stream_key"], row["workflow"], row["level"]
        if place not in asked:
            nothing = dict.fromkeys(("stage", "amount", "cost", "currency"))
            as_is = {"scenario_key": "as_is", "name": "As it is", "change": "as_is"}
            names = ("value_stream_key", "workflow", "level")
            asked[place].append({**nothing, **as_is, **{name: row[name] for name in names}})
        asked[place].append(row)
    drawn = tables.by("metric_scenarios", "metric_scenario_key")
    for place, lines in asked.items():
        homes = station_of(workflows[place[1]])
        lives: dict[str, list[Piece]] = defaultdict(list)
        for piece in pieces(tables):
            is_in_line = piece.place == place and piece.stage["stage_key"] in homes
            if is_in_line and piece.start < tables.as_of:
                lives[piece.item].append(piece)
        line = Line(lives, homes, tables.as_of) if lives else None
        busy = {}
        for row in sorted(tables.rows("metric_constraint"), key=lambda row: row["week_start"]):
            of = row["value_stream_key"], row["workflow"], row["level"]
            if of == place and row["is_complete_period"]:
                busy[row["stage_key"]] = row["busy_items"]
        last = line and line.monday - timedelta(days=1)
        rate = next(
            (
                row
                for row in tables.rows("cost_of_delay")
                if (row["value_stream_key"], row["workflow"], row["level"]) == place
                and last
                and (row["valid_from"] is None or row["valid_from"] <= last)
                and (row["valid_to"] is None or last < row["valid_to"])
            ),
            None,
        )
        for scenario in lines:
            key = "|".join([*place, scenario["scenario_key"]])
            reason = "nothing_came_there" if line is None else line.reason
            is_known = line is not None and reason is None
            if line is not None and reason is None:
                reason = refused(line, scenario, busy)
            gains, decision = decided(scenario, rate, drawn[f"{key}|items_in_flow"])
            for measure in MEASURES:
                yield {
                    "metric_scenario_key": f"{key}|{measure}",
                    **{
                        name: scenario[name]
                        for name in (
                            "scenario_key", "name", "value_stream_key", "workflow", "level",
                            "change", "amount", "currency",
                        )
                    },
                    "stage_key": scenario["stage"] and f"{place[1]}:{scenario['stage']}",
                    "measure": measure, "no_result_reason": reason,
                    "observed": line.observed(measure) if line and is_known else None,
                    "gain_low": gains[0], "gain_median": gains[1], "gain_high": gains[2],
                    "scenario_cost": scenario["cost"], "decision": decision,
                    "assumption": ASSUMED[scenario["change"]],
                    "arrivals_n": line.came if line and is_known else None,
                    "horizon_days": DAYS, "trials": TRIALS, "seed": SEED,
                    "window_start": line and line.monday - timedelta(weeks=WEEKS),
                    "window_end": last,
                }  # fmt: skip
