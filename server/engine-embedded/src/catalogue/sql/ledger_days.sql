select day, ids from ledger_days order by day desc;
