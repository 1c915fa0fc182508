insert into ledger_days (day, ids) values (?1, ?2)
on conflict (day) do update set ids = ids + excluded.ids;
