-- Blocks that may have records of a service within a range of times. $1: the service as JSON.
select logboom.forget_summaries(array_agg(first_position))
  from logboom.summaries
 where latest >= $2
   and earliest < $3
   and (totals is null or position($1 in totals) > 0)
