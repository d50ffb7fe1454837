"""Speed, as ratios between contenders that take turns within one run. `make bench` runs all of it."""
