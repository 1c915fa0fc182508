update cursor set dead = max(dead, ?) where only = 1;
