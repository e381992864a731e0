"""The report's page: its template, style and script, and what is put into them.

parts     what stands of models, trainings and licences
cards     the card of each model
markdown  notes as HTML
"""
