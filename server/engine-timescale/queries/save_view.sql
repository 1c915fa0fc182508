insert into logboom.views (name, address)
select $1, $2
 where (select count(*) from logboom.views where name <> $1) < $3
    on conflict (name) do update set address = excluded.address
