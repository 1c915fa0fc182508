-- Blocks that may have records of a range of times.
select first_position, last_position, records, earliest, latest, built = $3, totals, pages is not null, id_blocks,
       unfiltered, has_values
  from logboom.summaries
 where latest >= $1
   and earliest <= $2
 order by first_position
