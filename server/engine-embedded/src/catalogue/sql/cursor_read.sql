select frame, dead from cursor where only = 1;
