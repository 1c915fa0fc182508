-- Stores what was built, unless records of the block may have been deleted since they were read.
update logboom.summaries
   set built = $3, records = $4, earliest = $5, latest = $6, totals = $7, places = $8, messages = $9, pages = $10,
       ids = $11, id_blocks = $12, unfiltered = $13, has_values = $14, checked_at = now()
 where first_position = $1
   and changed = $2
   and built = 0
