delete from ledger where day = ?;
