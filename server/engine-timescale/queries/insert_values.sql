insert into logboom.summary_values (slot, first_position, counts, pairs)
select slot, $1, counts, pairs
  from unnest($2::smallint[], $3::bytea[], $4::bytea[]) as slots (slot, counts, pairs)
