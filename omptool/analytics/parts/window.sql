-- The nodes with their roles, the groups that rows are for, and the periods of the window. Machines, groups, nodes and
-- periods are numbers, moments are unix nanoseconds: what is sorted and joined must be small. `kind` is 1 for counters,
-- 2 for what the timeline says, 3 for products and ideal times, 4 for meters, 0 for the rest.
bound AS (
  SELECT *,
         CAST(CASE WHEN role IN ('good', 'produced', 'scrap', 'rework') THEN 1 WHEN role IN ('state', 'mode', 'reason') THEN 2
              WHEN role IN ('ideal', 'product') THEN 3 WHEN role = 'meter' THEN 4 ELSE 0 END AS SMALLINT) AS kind
  FROM (
    SELECT unnest(CAST($nodes AS INTEGER[])) AS node, unnest(CAST($machines AS INTEGER[])) AS m,
           unnest(CAST($bound_sites AS VARCHAR[])) AS site, unnest(CAST($bound_machines AS VARCHAR[])) AS machine,
           unnest(CAST($roles AS VARCHAR[])) AS role, unnest(CAST($servers AS VARCHAR[])) AS server,
           unnest(CAST($node_ids AS VARCHAR[])) AS node_id, unnest(CAST($needed AS BOOLEAN[])) AS needed,
           unnest(CAST($books AS INTEGER[])) AS book, unnest(CAST($nested AS BOOLEAN[])) AS nested
  ) told
),
-- machines with the same planned stops have the same calendar
stands AS (
  SELECT unnest(CAST($places AS INTEGER[])) AS m, unnest(CAST($place_groups AS INTEGER[])) AS g,
         unnest(CAST($place_calendars AS INTEGER[])) AS calendar
),
groups AS (
  SELECT unnest(CAST($groups AS INTEGER[])) AS g, unnest(CAST($sites AS VARCHAR[])) AS site,
         unnest(CAST($areas AS VARCHAR[])) AS area, unnest(CAST($lines AS VARCHAR[])) AS line,
         unnest(CAST($machine_names AS VARCHAR[])) AS machine, unnest(CAST($group_products AS VARCHAR[])) AS product
),
cuts AS (SELECT unnest(CAST($cuts AS TIMESTAMPTZ[])) AS start, unnest(CAST($cut_nanos AS BIGINT[])) AS since),
periods AS (
  SELECT CAST(row_number() OVER (ORDER BY since) AS INTEGER) AS p, start, since,
         lead(start, 1, CAST($end AS TIMESTAMPTZ)) OVER (ORDER BY since) AS "end",
         lead(since, 1, CAST($end_nanos AS BIGINT)) OVER (ORDER BY since) AS till
  FROM cuts
),
planned_stops AS (
  SELECT unnest(CAST($stop_calendars AS INTEGER[])) AS calendar, unnest(CAST($stop_since AS BIGINT[])) AS since,
         unnest(CAST($stop_till AS BIGINT[])) AS till
)
