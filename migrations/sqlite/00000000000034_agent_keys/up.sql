-- When the system got the key that it has; none: at its registration.
ALTER TABLE systems ADD COLUMN key_since_ms BIGINT;
-- When an administrator asked for another one; none: nobody does.
ALTER TABLE systems ADD COLUMN key_rotation_asked_ms BIGINT;
