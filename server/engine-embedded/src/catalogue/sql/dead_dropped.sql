update dead_dropped set letters = letters + ?1, records = records + ?2 where only = 1;
