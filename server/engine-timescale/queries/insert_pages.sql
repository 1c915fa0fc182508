insert into logboom.summary_pages (first_position, page, texts)
select $1, page - 1, texts
  from unnest($2::bytea[]) with ordinality as pages (texts, page)
