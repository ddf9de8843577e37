DROP TABLE rollout_targets;
DROP TABLE upgrades;
DROP TABLE rollouts;
DROP TABLE package_parts;
DROP TABLE packages;
ALTER TABLE commands DROP COLUMN kind;
