"""What is known of a customer: facts, traits, consent, cases, commands and their outcomes."""
