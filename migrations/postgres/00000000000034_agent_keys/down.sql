ALTER TABLE systems DROP COLUMN key_rotation_asked_ms;
ALTER TABLE systems DROP COLUMN key_since_ms;
