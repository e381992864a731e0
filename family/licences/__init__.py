"""What licences ask for, as data: one YAML file per licence, named by its identifier.

terms   the shape of those files, and reading them

A rule names its source and its date, and whether it follows a model's weights, its outputs or
both. The rules are a reading of the licences, no legal advice.
"""
