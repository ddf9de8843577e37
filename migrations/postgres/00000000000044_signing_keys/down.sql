DROP TABLE signing_key_transitions;
