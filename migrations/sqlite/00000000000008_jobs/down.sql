DROP TABLE job_targets;
DROP TABLE jobs;
