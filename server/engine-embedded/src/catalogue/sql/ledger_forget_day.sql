delete from ledger_days where day = ?;
