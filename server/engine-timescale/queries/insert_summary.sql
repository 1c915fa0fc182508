insert into logboom.summaries (first_position, last_position, records, earliest, latest) values ($1, $2, $3, $4, $5)
