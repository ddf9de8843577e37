DROP TABLE identity_conflicts;
ALTER TABLE system_states DROP COLUMN replay_mark;
ALTER TABLE system_states DROP COLUMN boots;
