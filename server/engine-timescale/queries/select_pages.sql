select pages.first_position, pages.texts
  from unnest($1::bigint[], $2::smallint[]) as wanted (first_position, page)
  join logboom.summary_pages as pages
    on pages.first_position = wanted.first_position
   and pages.page = wanted.page
