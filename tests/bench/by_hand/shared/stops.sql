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
