"""Tables and their schema: what rooms that handle files and rooms that handle numbers exchange."""
