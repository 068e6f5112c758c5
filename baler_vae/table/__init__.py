"""Tables and their schema: what passes between the rooms that know files and those that know numbers."""
