-- Signing keys that were replaced. The statement by which the old key vouches for the new one is kept for ever.
CREATE TABLE signing_key_transitions (
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    old_public_key BYTEA NOT NULL,
    -- The old key's seed, sealed under the master key, until its time is over.
    sealed_old_key BYTEA,
    retire_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    statement TEXT NOT NULL,
    PRIMARY KEY (organization_id, old_public_key)
);
