-- $1: the positions of removed records. Retention may have deleted their run, and then an earlier one is the nearest.
  with gone as (
           select nearest.first_position, count(*) as records
             from unnest($1::bigint[]) as positions (position)
            cross join lateral (
                  select first_position, records
                    from logboom.runs
                   where first_position <= positions.position
                   order by first_position desc
                   limit 1) as nearest
            where positions.position < nearest.first_position + nearest.records
            group by nearest.first_position)
update logboom.runs
   set removed = runs.removed + gone.records
  from gone
 where runs.first_position = gone.first_position
returning runs.first_position, runs.removed >= runs.records
