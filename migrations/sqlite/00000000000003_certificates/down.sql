ALTER TABLE systems DROP COLUMN certificate_not_after_ms;
ALTER TABLE systems DROP COLUMN certificate_previous;
ALTER TABLE systems DROP COLUMN certificate_serial;
DROP TABLE certificates;
