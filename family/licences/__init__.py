"""What licences ask for, as data: one YAML file per licence, named by its identifier.

terms     the shape of those files, and reading them
faults    what a family file says wrongly of licences, and what their terms forbid it
notices   LICENSE and NOTICE, as they ship
texts/    licences word for word, where copies may be handed on; their digests stand in the YAML,
          and most are from ScanCode LicenseDB (CC BY 4.0)

A rule names its source and its date, and whether it follows a model's weights, its outputs or
both; a licence says whether its rules were compared with its text. The rules are a reading of the
licences, no legal advice.
"""
