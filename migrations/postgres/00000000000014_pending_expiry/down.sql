DROP TABLE server_outages;
DROP TABLE server_alive;
DROP INDEX systems_by_status;
