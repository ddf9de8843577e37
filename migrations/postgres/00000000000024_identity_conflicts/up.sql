-- Which runs of the agent were seen under this identity, and which may not speak: see `systems/boots.rs`.
ALTER TABLE system_states ADD COLUMN boots TEXT NOT NULL DEFAULT '';
-- First eight bytes of the signature of the request with the highest sequence number.
ALTER TABLE system_states ADD COLUMN replay_mark BIGINT;

-- Two machines with one identity, as far as the server could tell.
CREATE TABLE identity_conflicts (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system_id BIGINT NOT NULL REFERENCES systems (id) ON DELETE CASCADE,
    -- The run of the agent that is kept out, and the one that is not.
    claimant TEXT NOT NULL,
    keeper TEXT NOT NULL,
    -- What gave it away.
    evidence TEXT NOT NULL,
    claimant_address TEXT NOT NULL,
    keeper_address TEXT NOT NULL,
    hostname TEXT NOT NULL,
    machine_id_hash TEXT,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'split', 'dismissed')),
    UNIQUE (system_id, claimant)
);
