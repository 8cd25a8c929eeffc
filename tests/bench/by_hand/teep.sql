-- rows: machine
-- compared: pbt calendar_s teep_index oee_index
-- after: states made totals
SELECT machine, pbt, calendar_s, ideal_s / calendar_s * (gq / pq) AS teep_index, ideal_s / pbt * (gq / pq) AS oee_index
FROM times JOIN parts USING (machine)
