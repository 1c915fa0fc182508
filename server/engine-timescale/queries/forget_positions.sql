-- $1: the positions of removed records.
select logboom.forget_summaries(array_agg(distinct block.first_position))
  from unnest($1::bigint[]) as positions (position)
 cross join lateral (
       select first_position, last_position
         from logboom.summaries
        where first_position <= positions.position
        order by first_position desc
        limit 1) as block
 where positions.position <= block.last_position
