"""rlef inside other trainers: one file each. None is imported unless it is asked for, for each needs its trainer."""
