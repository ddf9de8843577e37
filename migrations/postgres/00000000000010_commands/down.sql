DROP TABLE command_output;
DROP TABLE commands;
DROP TABLE system_actions;
ALTER TABLE systems DROP COLUMN actions_digest;
