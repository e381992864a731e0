"""A store at a URL: what several machines share, each through a folder that keeps what came by.

What is at the URL is the truth. Records have the same names in both places; what artifacts and
releases consist of stands there once, by its digest:

store.json                      the layout's version, and the store's id
files/<sha256>
artifacts/<key>/manifest.json   written once its files are there: only then it is an artifact
families/<family>.json
releases/<family>/<version>/release.json, model.sig
decisions/<family>/<n>.json

So two that make the same never mix their files, and the manifest that is there first counts for
both. A folder may have a manifest without its files: they are fetched when something reads them.
"""
