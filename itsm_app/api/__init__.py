"""What every HTTP request shares: parsing, schemas, auth, caller binding, errors, logs."""
