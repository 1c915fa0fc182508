select coalesce(sum(pg_total_relation_size(relid)), 0)::bigint from pg_partition_tree('logboom.logs')
