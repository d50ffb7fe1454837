"""Speed, as ratios between contenders that take turns within one run. `make bench` runs all of it.

calls, memory        one upload, one small call, one long list
bulk, growth         many
start                imports, the command line
profile              where the time of a small call goes
capacity             the sandbox itself
peers, photos, service, measuring, report
"""
