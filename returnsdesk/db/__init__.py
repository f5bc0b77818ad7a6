"""The database: models, sessions, migrations, import and export, and the sample shop."""
