DROP TABLE backup_restores;
DROP TABLE backup_state;
