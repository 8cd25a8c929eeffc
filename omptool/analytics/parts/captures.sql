-- Captures as numbers: what orders values of one moment must be small.
captures AS (
  SELECT capture, row_number() OVER (ORDER BY capture) * 1099511627776 AS base FROM (SELECT DISTINCT capture FROM telemetry) one
)
