pragma integrity_check;
