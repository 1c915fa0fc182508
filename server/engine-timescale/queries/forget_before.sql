-- Blocks with records from before a time.
select logboom.forget_summaries(array_agg(first_position))
  from logboom.summaries
 where earliest < $1
