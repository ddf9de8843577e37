DROP TABLE idempotency_keys;
DROP TABLE enrollment_tokens;
