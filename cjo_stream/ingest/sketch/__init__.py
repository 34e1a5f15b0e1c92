"""What a sample of events looks like, and the first definitions that fit it (`cjo-stream init`).

    files --form--> how the text is written --column--> what each column holds
          --moment, role--> what it is for: time, type, identifier, attribute
          --story--> the first journey --text--> the files of a topology

Nothing of it is used while a topology runs.
"""
