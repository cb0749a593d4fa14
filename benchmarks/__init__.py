"""What `make bench` runs: one JSON document on standard output, a short table on standard error.

    python -m benchmarks [NAME…] [--runs N] [--tasks N] [--projects N] [--json FILE]

benches     the measurements, one function each, with what they are compared with and how quick they should be
inputs      generated PRDs, scripts, results and reports
inside      one command of the orchestrator in a process of its own, with stopwatches inside and a look at its memory
gates       all gates of one small task together, and what each part takes
mutation    mutants per second beside other tools
cheats      cheating and honest agents: caught, marked for a person, missed, refused, and what each gate costs
volume      ten thousand tasks through plan, store and reports: rates, memory, growth, and the commands on them
sites       the site of a hundred projects with ten thousand runs: cold, after one run more, with nothing new
portfolio   the reports for that, made through the report models; portfolio_tasks: of one task
steady      a thousand runs in one process: memory, open files, the disk
agents/     what the pipeline makes of an agent, with a model: a command of its own, `python -m benchmarks.agents`
measure     runs → lowest, median, highest; a result as JSON and as a line

Every measurement is of the real command in a real working folder. Nothing here is asserted in tests: machines differ, and a slow one is not a defect.
"""
