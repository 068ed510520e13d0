"""What the Airflow target is made of."""
