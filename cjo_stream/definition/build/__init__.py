"""From what the tables read to core programs: all that needs to know more than one place."""
