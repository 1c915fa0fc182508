select (pg_total_relation_size('logboom.summaries') + pg_total_relation_size('logboom.summary_pages') +
        pg_total_relation_size('logboom.summary_values'))::bigint
