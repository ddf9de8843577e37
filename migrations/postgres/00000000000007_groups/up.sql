-- Groups of systems: manual ones whose members people choose, and automatic ones whose members follow a rule.
CREATE TABLE groups (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('manual', 'auto')),
    -- Members of this generation are in the group: always 0 in a manual one, one for each saved rule in an automatic one.
    -- A saved rule fills its own generation first and is then put into force by changing this number alone.
    generation BIGINT NOT NULL DEFAULT 0,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE group_members (
    group_id BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    system_id BIGINT NOT NULL REFERENCES systems (id) ON DELETE CASCADE,
    added_ms BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    PRIMARY KEY (group_id, generation, system_id)
);
CREATE INDEX group_members_by_system ON group_members (system_id);

-- Rules of automatic groups. The one whose generation is that of its group is in force; one above it is being applied.
CREATE TABLE rules (
    group_id BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    conditions TEXT NOT NULL,
    disabled_ms BIGINT,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (group_id, generation)
);

-- Another one with every change of rules, so that what was compiled from them can be checked.
CREATE TABLE rule_versions (
    organization_id BIGINT NOT NULL PRIMARY KEY REFERENCES organizations (id),
    version BIGINT NOT NULL
);

CREATE TABLE system_tags (
    system_id BIGINT NOT NULL REFERENCES systems (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (system_id, tag)
);
CREATE INDEX system_tags_by_tag ON system_tags (tag);

CREATE TABLE system_notes (
    system_id BIGINT NOT NULL PRIMARY KEY REFERENCES systems (id) ON DELETE CASCADE,
    note TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);

CREATE TABLE saved_filters (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    -- Name of the user; empty: shared.
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    filter TEXT NOT NULL,
    sort TEXT NOT NULL,
    shown_columns TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    UNIQUE (organization_id, owner, name)
);

-- The manual groups that a system joins which an enrollment token approves.
CREATE TABLE enrollment_token_groups (
    token_id BIGINT NOT NULL REFERENCES enrollment_tokens (id) ON DELETE CASCADE,
    group_id BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (token_id, group_id)
);
