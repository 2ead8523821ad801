"""Tables, one file per service, each with the rules about its rows."""
