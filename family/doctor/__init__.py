"""`descent doctor` without Prefect: the machine, the packages, the store and its index.

Each module looks at one of them and tells what it found; nothing is changed. `flows.checkup` puts
them together, with what Prefect says.
"""
