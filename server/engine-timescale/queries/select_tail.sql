-- The records after the last block.
select upto.position, coalesce(sum(runs.records), 0)::bigint, min(runs.earliest), max(runs.latest)
  from logboom.summaries_upto as upto
  left join logboom.runs on runs.first_position > upto.position
 group by upto.position
