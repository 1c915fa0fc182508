-- The records after the last block ($1). Each run has some, so a limit of runs also limits what is read of a long tail.
select coalesce(sum(records), 0)::bigint, min(earliest), max(latest)
  from (select records, earliest, latest
          from logboom.runs
         where first_position > $1
         limit $2) as tail
