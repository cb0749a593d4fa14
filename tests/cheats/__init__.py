"""Agents that cheat and agents that are honest, through the real command: what the claim "done can be believed" is worth.

tasks.py      what is asked for: one PRD of each kind of task, with an honest answer
cases.py      Case: what an agent does in place of the honest answer, and what must become of it
cheats_*.py   the cheats, by family; honest.py: answers that must never be refused; agent_tests.py: tests written by agents
agent.py      the scripted agent that plays all of them
harness.py    many PRDs in one `orchestrator run`, and what its reports say about each case
test_cheats.py
"""
