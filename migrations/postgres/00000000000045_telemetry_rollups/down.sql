DROP TABLE telemetry_sweeps;
DROP TABLE telemetry_rollups;
