"""Real servers for the tests: PostgreSQL, Redis, a mail server and a browser, each private to one run.

`install` puts programs on the machine, `programs` finds them, every other module starts one of them as a fixture.
"""
