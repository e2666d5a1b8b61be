-- Beside Dagster's database: both have a table called runs.
CREATE DATABASE mlflow;
