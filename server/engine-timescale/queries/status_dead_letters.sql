-- 256: the overhead of a letter besides its texts and its payload.
select (select count(*) from logboom.dead_letters),
       (select coalesce(sum(256 + octet_length(payload) + octet_length(reason) + octet_length(producer)), 0)::bigint
          from logboom.dead_letters),
       letters,
       records
  from logboom.dead_letters_dropped
