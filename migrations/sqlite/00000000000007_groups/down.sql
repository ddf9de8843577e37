DROP TABLE enrollment_token_groups;
DROP TABLE saved_filters;
DROP TABLE system_notes;
DROP TABLE system_tags;
DROP TABLE rule_versions;
DROP TABLE rules;
DROP TABLE group_members;
DROP TABLE groups;
