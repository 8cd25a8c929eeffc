-- rows: machine kpi
-- compared: value
-- part: yes
-- after: states made totals
SELECT machine, unnest([
  {'kpi': 'A', 'value': apt / pbt}, {'kpi': 'E', 'value': ideal_s / apt}, {'kpi': 'Q', 'value': gq / pq},
  {'kpi': 'OEE', 'value': ideal_s / pbt * (gq / pq)}
], recursive := true)
FROM times JOIN parts USING (machine)
