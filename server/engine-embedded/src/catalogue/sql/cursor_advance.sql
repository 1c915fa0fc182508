update cursor set frame = max(frame, ?) where only = 1;
