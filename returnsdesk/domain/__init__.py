"""Pure rules of the returns desk: no database, no network, no clock of its own. The part to read first."""
