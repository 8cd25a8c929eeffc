"""Analyses as one DuckDB statement each, as somebody writes it who knows this lake: what ours are held against.

They give the same columns of the same rows, and know neither gaps nor values that are not Good, nor plant models, nor
restarts at midnight. Analyses whose next point needs the one before (EWMA, CUSUM), Theil-Sen and the aggregates of OPC UA
have no statement here: by hand they would be a program.
"""

from __future__ import annotations

from typing import NamedTuple

_STATES = """
states AS (
  SELECT machine, time, value_text AS state, epoch_us(lead(time, 1, $end) OVER node) - epoch_us(time) AS us
  FROM telemetry WHERE tag = 'State' AND time < $end WINDOW node AS (PARTITION BY machine ORDER BY time, seq)
),
stretches AS (SELECT * FROM states WHERE us > 0)
"""
_MADE = """
counts AS (
  SELECT machine, tag, time, seq, value, value - lag(value) OVER (PARTITION BY machine, tag ORDER BY time, seq) AS step
  FROM telemetry WHERE tag IN ('GoodCount', 'ScrapCount') AND time < $end
),
ideals AS (SELECT machine, time, value AS pri FROM telemetry WHERE tag = 'IdealCycleTime' AND time < $end),
made AS (
  SELECT c.machine, c.tag, c.time, c.seq, CASE WHEN c.step > 0 THEN c.step ELSE c.value END AS parts, i.pri
  FROM counts c ASOF LEFT JOIN ideals i ON i.machine = c.machine AND i.time <= c.time
  WHERE c.step > 0 OR (c.step < 0 AND c.value > 0)
)
"""
_OEE = f"""
WITH {_STATES}, {_MADE},
times AS (
  SELECT machine, sum(us) FILTER (state <> 'NotAvailable') / 1e6 AS pbt, sum(us) FILTER (state = 'Executing') / 1e6 AS apt,
         sum(us) FILTER (state = 'Setup') / 1e6 AS aust, sum(us) / 1e6 AS calendar_s
  FROM states GROUP BY 1
),
parts AS (
  SELECT machine, sum(parts) AS pq, coalesce(sum(parts) FILTER (tag = 'GoodCount'), 0) AS gq, sum(parts * pri) AS ideal_s
  FROM made GROUP BY 1
)
"""
_STOPS = f"""
WITH {_STATES},
planned AS (
  SELECT machine, time, us, state, state IN ('OutOfService', 'NotExecuting') AS stopped,
         CASE WHEN state = lag(state) OVER machine THEN 0 ELSE 1 END AS turn,
         CASE WHEN (state IN ('OutOfService', 'NotExecuting')) = lag(state IN ('OutOfService', 'NotExecuting')) OVER machine
              THEN 0 ELSE 1 END AS change
  FROM stretches WHERE state <> 'NotAvailable' WINDOW machine AS (PARTITION BY machine ORDER BY time)
),
numbered AS (
  SELECT *, sum(turn) OVER machine AS run, sum(change) OVER machine AS stop
  FROM planned WINDOW machine AS (PARTITION BY machine ORDER BY time ROWS UNBOUNDED PRECEDING)
)
"""
_POWER = """
WITH power AS (
  SELECT machine, time, seq, value, row_number() OVER node AS point, lag(value) OVER node AS before
  FROM telemetry WHERE tag = 'Power' AND time >= $start AND time < $end
  WINDOW node AS (PARTITION BY machine ORDER BY time, seq)
)
"""
_D2 = 1.1283791670955126
_D3 = 0.8525024664
_CHARTED = f"""
{_POWER},
charts AS (
  SELECT machine, avg(value) AS mean, avg(abs(value - before)) AS spread_center, count(*) AS n, stddev_samp(value) AS sd_overall
  FROM power GROUP BY 1
),
placed AS (
  SELECT p.*, c.mean, c.spread_center, c.sd_overall, c.spread_center / {_D2} AS sigma,
         (p.value - c.mean) / (c.spread_center / {_D2}) AS z
  FROM power p JOIN charts c USING (machine)
),
-- Western Electric 1 to 4, on either side
ruled AS (
  SELECT *, abs(z) > 3 AS wer1,
         (z > 2 AND sum((z > 2)::INT) OVER three >= 2) OR (z < -2 AND sum((z < -2)::INT) OVER three >= 2) AS wer2,
         (z > 1 AND sum((z > 1)::INT) OVER five >= 4) OR (z < -1 AND sum((z < -1)::INT) OVER five >= 4) AS wer3,
         sum((z > 0)::INT) OVER eight = 8 OR sum((z < 0)::INT) OVER eight = 8 AS wer4
  FROM placed
  WINDOW three AS (PARTITION BY machine ORDER BY point ROWS 2 PRECEDING),
         five AS (PARTITION BY machine ORDER BY point ROWS 4 PRECEDING),
         eight AS (PARTITION BY machine ORDER BY point ROWS 7 PRECEDING)
)
"""


class Hand(NamedTuple):
    """A statement, the columns that tell its rows apart, and those that are compared."""

    statement: str
    keys: tuple[str, ...]
    compared: tuple[str, ...]


BY_HAND = {
    "oee": Hand(
        f"{_OEE} SELECT machine, pbt, apt, pq, gq, ideal_s, apt / pbt * (ideal_s / apt) * (gq / pq) AS oee_index"
        " FROM times JOIN parts USING (machine)",
        ("machine",),
        ("pbt", "apt", "pq", "gq", "ideal_s", "oee_index"),
    ),
    "teep": Hand(
        f"{_OEE} SELECT machine, pbt, calendar_s, ideal_s / calendar_s * (gq / pq) AS teep_index,"
        " ideal_s / pbt * (gq / pq) AS oee_index FROM times JOIN parts USING (machine)",
        ("machine",),
        ("pbt", "calendar_s", "teep_index", "oee_index"),
    ),
    "kpi22400": Hand(
        f"{_OEE} SELECT machine, unnest([{{'kpi': 'A', 'value': apt / pbt}}, {{'kpi': 'E', 'value': ideal_s / apt}},"
        " {'kpi': 'Q', 'value': gq / pq}, {'kpi': 'OEE', 'value': ideal_s / pbt * (gq / pq)}], recursive := true)"
        " FROM times JOIN parts USING (machine)",
        ("machine", "kpi"),
        ("value",),
    ),
    "time_in_state": Hand(
        f"WITH {_STATES}, turns AS (SELECT *, CASE WHEN state = lag(state) OVER m THEN 0 ELSE 1 END AS turn FROM stretches"
        " WINDOW m AS (PARTITION BY machine ORDER BY time)), numbered AS (SELECT *, sum(turn) OVER (PARTITION BY machine"
        " ORDER BY time ROWS UNBOUNDED PRECEDING) AS run FROM turns), runs AS (SELECT machine, state, run, sum(us) AS us"
        " FROM numbered GROUP BY ALL) SELECT machine, state, sum(us) / 1e6 AS seconds, count(*) AS visits,"
        " max(us) / 1e6 AS longest_s FROM runs GROUP BY 1, 2",
        ("machine", "state"),
        ("seconds", "visits", "longest_s"),
    ),
    "time_elements": Hand(
        f"WITH {_STATES}, told AS (SELECT machine, time, us, CASE state WHEN 'Executing' THEN 'APT' WHEN 'Setup' THEN 'AUST'"
        " WHEN 'OutOfService' THEN 'ADET' WHEN 'NotExecuting' THEN 'ADOT' ELSE 'NOT_PLANNED' END AS element FROM stretches),"
        " turns AS (SELECT *, CASE WHEN element = lag(element) OVER m THEN 0 ELSE 1 END AS turn FROM told"
        " WINDOW m AS (PARTITION BY machine ORDER BY time))"
        " SELECT machine, element, sum(us) / 1e6 AS seconds, sum(turn) AS visits FROM turns GROUP BY 1, 2",
        ("machine", "element"),
        ("seconds", "visits"),
    ),
    "mtbf_mttr": Hand(
        # what began before the window or ends behind it is neither a failure nor a repair
        f"{_STOPS}, runs AS (SELECT machine, run, any_value(state) AS state, sum(us) AS us, max(run) OVER (PARTITION BY machine)"
        " AS last FROM numbered GROUP BY 1, 2)"
        " SELECT machine, count(*) FILTER (state = 'OutOfService' AND run > 1) AS failures,"
        " sum(us) FILTER (state IN ('Executing', 'Setup')) / 1e6 AS operating_s,"
        " sum(us) FILTER (state = 'OutOfService' AND run > 1 AND run < last) / 1e6 AS repair_s FROM runs GROUP BY 1",
        ("machine",),
        ("failures", "operating_s", "repair_s"),
    ),
    "micro_stops": Hand(
        f"{_STOPS}, stops AS (SELECT machine, sum(us) / 1e6 AS s, any_value(stopped) AS stopped,"
        " stop > 1 AND stop < max(stop) OVER (PARTITION BY machine) AS whole FROM numbered GROUP BY machine, stop)"
        " SELECT machine, count(*) FILTER (s < 300 AND whole) AS micro_stops, sum(s) FILTER (s < 300 AND whole) AS micro_s,"
        " count(*) FILTER (s >= 300) AS long_stops FROM stops WHERE stopped GROUP BY 1",
        ("machine",),
        ("micro_stops", "micro_s", "long_stops"),
    ),
    "downtime_pareto": Hand(
        """WITH events AS (
             SELECT machine, time, seq, value_text AS state, NULL AS reason FROM telemetry WHERE tag = 'State' AND time < $end
             UNION ALL SELECT machine, time, seq, NULL, value_text FROM telemetry WHERE tag = 'StateReason' AND time < $end
           ), lasting AS (
             SELECT machine, epoch_us(lead(time, 1, $end) OVER ahead) - epoch_us(time) AS us,
                    last_value(state IGNORE NULLS) OVER so_far AS state, last_value(reason IGNORE NULLS) OVER so_far AS reason
             FROM events WINDOW ahead AS (PARTITION BY machine ORDER BY time, seq),
               so_far AS (PARTITION BY machine ORDER BY time, seq ROWS UNBOUNDED PRECEDING)
           )
           SELECT machine, reason, sum(us) / 1e6 AS seconds, sum(us) / sum(sum(us)) OVER (PARTITION BY machine) AS share
           FROM lasting WHERE state IN ('OutOfService', 'NotExecuting') AND us > 0 GROUP BY 1, 2""",
        ("machine", "reason"),
        ("seconds", "share"),
    ),
    "state_timeline": Hand(
        f"WITH {_STATES}, turns AS (SELECT *, CASE WHEN state = lag(state) OVER m THEN 0 ELSE 1 END AS turn FROM stretches"
        " WINDOW m AS (PARTITION BY machine ORDER BY time)), numbered AS (SELECT *, sum(turn) OVER (PARTITION BY machine"
        " ORDER BY time ROWS UNBOUNDED PRECEDING) AS run FROM turns)"
        " SELECT machine, min(time) AS since, any_value(state) AS state, sum(us) / 1e6 AS seconds FROM numbered"
        " GROUP BY machine, run",
        ("machine", "since"),
        ("state", "seconds"),
    ),
    "cycle_time": Hand(
        f"WITH {_MADE}, cycles AS (SELECT machine, parts, pri, epoch_us(time) - epoch_us(lag(time) OVER (PARTITION BY machine"
        " ORDER BY time, tag, seq)) AS us FROM made), each AS (SELECT machine, pri, us / parts / 1e6 AS s FROM cycles"
        " WHERE us > 0) SELECT machine, count(*) AS cycles, quantile_cont(s, 0.05) AS p5_s, quantile_cont(s, 0.5) AS p50_s,"
        " quantile_cont(s, 0.95) AS p95_s, avg(s) AS mean_s, mad(s) AS mad_s, min(s) AS fastest_s FROM each GROUP BY 1",
        ("machine",),
        ("cycles", "p5_s", "p50_s", "p95_s", "mean_s", "mad_s", "fastest_s"),
    ),
    "energy": Hand(
        """WITH events AS (
             SELECT machine, time, seq, value_text AS state, NULL::DOUBLE AS kw FROM telemetry WHERE tag = 'State' AND time < $end
             UNION ALL SELECT machine, time, seq, NULL, value FROM telemetry WHERE tag = 'Power' AND time < $end
           ), lasting AS (
             SELECT machine, epoch_us(lead(time, 1, $end) OVER ahead) - epoch_us(time) AS us,
                    last_value(state IGNORE NULLS) OVER so_far AS state, last_value(kw IGNORE NULLS) OVER so_far AS kw
             FROM events WINDOW ahead AS (PARTITION BY machine ORDER BY time, seq),
               so_far AS (PARTITION BY machine ORDER BY time, seq ROWS UNBOUNDED PRECEDING)
           ), parts AS (
             SELECT machine, sum(CASE WHEN step > 0 THEN step WHEN step < 0 THEN value END) AS pq FROM (
               SELECT machine, value, value - lag(value) OVER (PARTITION BY machine, tag ORDER BY time, seq) AS step
               FROM telemetry WHERE tag IN ('GoodCount', 'ScrapCount') AND time < $end) counts GROUP BY 1
           )
           SELECT machine, sum(kw * us) / 3.6e9 AS energy_kwh, sum(kw * us) FILTER (state <> 'Executing') / 3.6e9 AS idle_kwh,
                  any_value(pq) AS pq FROM lasting JOIN parts USING (machine) GROUP BY 1""",
        ("machine",),
        ("energy_kwh", "idle_kwh", "pq"),
    ),
    "genealogy": Hand(
        """WITH serials AS (
             SELECT machine, time, seq, value_text AS serial,
                    lag(value_text) OVER (PARTITION BY machine ORDER BY time, seq) AS before
             FROM telemetry WHERE tag = 'SerialNumber' AND time < $end
           ), stays AS (SELECT machine, time AS entered, serial FROM serials WHERE serial IS DISTINCT FROM before)
           SELECT s.machine, s.serial, p.tag, s.entered, count(*) AS "values", avg(p.value) AS mean, min(p.value) AS minimum,
                  max(p.value) AS maximum
           FROM telemetry p ASOF JOIN stays s ON s.machine = p.machine AND s.entered <= p.time
           WHERE p.value IS NOT NULL AND p.tag = 'Power' AND p.time < $end GROUP BY ALL""",
        ("machine", "serial", "tag"),
        ("values", "mean", "minimum", "maximum"),
    ),
    "data_quality": Hand(
        """WITH told AS (
             SELECT machine, tag, quality, overflow, lag(time) OVER (PARTITION BY node_id, capture ORDER BY seq) > time AS backward,
                    epoch_us(lead(time, 1, $end) OVER node) - epoch_us(time) AS us, epoch_us(time) - epoch_us($start) AS since,
                    lag(time) OVER node = time AND lag(status) OVER node = status
                      AND lag(value) OVER node IS NOT DISTINCT FROM value
                      AND lag(value_text) OVER node IS NOT DISTINCT FROM value_text AS same,
                    CASE WHEN origin <> 'initial' THEN abs(epoch_us(server_time) - epoch_us(time)) END AS skew
             FROM telemetry WHERE time < $end WINDOW node AS (PARTITION BY node_id ORDER BY time, capture, seq)
           )
           SELECT machine, tag, count(*) AS "rows", count(*) FILTER (quality = 'Good') AS good,
                  count(*) FILTER (quality = 'Uncertain') AS uncertain, count(*) FILTER (quality = 'Bad') AS bad,
                  count(*) FILTER (overflow) AS overflows, count(*) FILTER (same) AS duplicates,
                  count(*) FILTER (backward) AS backward, greatest(max(us), min(since)) / 1e6 AS longest_silence_s,
                  100.0 * sum(us) FILTER (quality = 'Good') / (epoch_us($end) - epoch_us($start)) AS percent_good,
                  max(skew) / 1e6 AS max_skew_s
           FROM told GROUP BY 1, 2""",
        ("machine", "tag"),
        ("rows", "good", "uncertain", "bad", "overflows", "duplicates", "backward", "longest_silence_s", "percent_good"),
    ),
    "i_mr": Hand(
        f"{_CHARTED} SELECT machine, point, time, value, mean AS center, mean - 3 * sigma AS lcl, mean + 3 * sigma AS ucl,"
        " abs(value - before) AS spread, sigma, sd_overall, nullif(concat_ws(' ', CASE WHEN wer1 THEN 'WER1' END,"
        " CASE WHEN wer2 THEN 'WER2' END, CASE WHEN wer3 THEN 'WER3' END, CASE WHEN wer4 THEN 'WER4' END), '') AS violations"
        " FROM ruled ORDER BY machine, point",
        ("machine", "point"),
        ("value", "center", "lcl", "ucl", "spread", "sigma", "violations"),
    ),
    "xbar_r": Hand(
        f"{_POWER}, groups AS (SELECT machine, (point - 1) // 5 + 1 AS point, avg(value) AS value, max(value) - min(value) AS"
        " spread, max(time) AS time FROM power GROUP BY 1, 2), charts AS (SELECT machine, avg(value) AS center, avg(spread) AS"
        " spread_center FROM groups GROUP BY 1) SELECT machine, point, g.value, center, spread, spread_center,"
        " center - 3 * spread_center / 2.325928947 / sqrt(5) AS lcl, center + 3 * spread_center / 2.325928947 / sqrt(5) AS ucl"
        " FROM groups g JOIN charts USING (machine) ORDER BY machine, point",
        ("machine", "point"),
        ("value", "center", "spread", "spread_center"),
    ),
    "capability": Hand(
        f"{_POWER} SELECT machine, count(*) AS n, avg(value) AS mean, avg(abs(value - before)) / {_D2} AS sd_within,"
        " stddev_samp(value) AS sd_overall, 100 / (6 * sd_within) AS cp, 100 / (6 * sd_overall) AS pp,"
        " least(mean - 0, 100 - mean) / (3 * sd_within) AS cpk FROM power GROUP BY 1",
        ("machine",),
        ("n", "mean", "sd_within", "sd_overall", "cp", "pp", "cpk"),
    ),
}  # fmt: skip
