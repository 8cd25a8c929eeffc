-- rows: machine
-- compared: pbt apt pq gq ideal_s oee_index
-- after: states made totals
SELECT machine, pbt, apt, pq, gq, ideal_s, apt / pbt * (ideal_s / apt) * (gq / pq) AS oee_index
FROM times JOIN parts USING (machine)
