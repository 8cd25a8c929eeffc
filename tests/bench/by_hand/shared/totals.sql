times AS (
  SELECT machine, sum(us) FILTER (state <> 'NotAvailable') / 1e6 AS pbt,
         sum(us) FILTER (state = 'Executing') / 1e6 AS apt, sum(us) / 1e6 AS calendar_s
  FROM states GROUP BY 1
),
parts AS (
  SELECT machine, sum(parts) AS pq, coalesce(sum(parts) FILTER (tag = 'GoodCount'), 0) AS gq, sum(parts * pri) AS ideal_s
  FROM made GROUP BY 1
)
