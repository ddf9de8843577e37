CREATE INDEX systems_by_status ON systems (organization_id, status, id);

-- When any server over this database was last up; one row.
CREATE TABLE server_alive (
    id BIGINT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL
);

-- Times at which no server was up: nobody can be blamed for silence then.
CREATE TABLE server_outages (
    from_ms BIGINT NOT NULL PRIMARY KEY,
    to_ms BIGINT NOT NULL
);
