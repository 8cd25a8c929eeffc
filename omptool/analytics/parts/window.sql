-- The nodes with their roles, and the periods of the window.
bound AS (
  SELECT unnest(CAST($roles AS VARCHAR[])) AS role, unnest(CAST($servers AS VARCHAR[])) AS server,
         unnest(CAST($node_ids AS VARCHAR[])) AS node_id, unnest(CAST($needed AS BOOLEAN[])) AS needed
),
cuts AS (SELECT unnest(CAST($cuts AS TIMESTAMPTZ[])) AS period),
periods AS (SELECT period, lead(period, 1, CAST($end AS TIMESTAMPTZ)) OVER (ORDER BY period) AS until FROM cuts)
