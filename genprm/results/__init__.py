"""What the tables of a run say: measures, the paper's claims, tables and figures. No Dagster, no MLflow."""
