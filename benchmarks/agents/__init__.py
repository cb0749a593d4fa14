"""Does the pipeline make an agent better, and is its "done" believable? Four arms over a folder of PRDs with hidden cases.

    python -m benchmarks.agents [FOLDER] [--url URL | --config FILE --agent NAME] [--seeds 0,1,2] [--out FILE.json]
    python -m benchmarks.agents table FILE.json

exercises       a folder of PRDs and their cases, shown and hidden; all cases put to code by the trusted oracle
proxy           between the agent and its model: every question is asked once, what was measured then counts whenever it is answered again
naive           the arms `one-shot` and `plain-retry`: what people do without the pipeline
orchestrated    the arms `pipeline` and `ablation`: the real command in a working folder of its own
ablation        that command without the oracle's verdict
measuring       the order of things, what is there already, and when to stop
table           totals, targets and the Markdown table, from the JSON alone
prds/           ten PRDs of our own with their cases

README.md says how to repeat it and what came out.
"""
